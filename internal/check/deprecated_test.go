package check

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFindingHasEveryRenamedKeyUnderBothNames(t *testing.T) {
	finding := Finding{ID: "container-exited", Component: "redis", Summary: "it is down", Got: "a<b", Wanted: "w", Cause: "c", Fix: "docker start d-redis"}
	text, err := json.Marshal([]Finding{finding})
	require.NoError(t, err)

	var read []map[string]string
	require.NoError(t, json.Unmarshal(text, &read))
	for _, key := range renamedKeys {
		require.NotEmpty(t, read[0][key.current], key.current)
		require.Equal(t, read[0][key.current], read[0][key.old], key.old)
	}
	require.Equal(t, "redis", read[0]["component"])

	var again []Finding
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, finding, again[0])
}
