package health

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFindingHasEveryRenamedKeyUnderBothNames(t *testing.T) {
	finding := Finding{ID: "container-exited", Component: Redis, Summary: "it is down", Got: "a<b", Wanted: "w", Cause: "c", Fix: "docker start d-redis"}
	var text bytes.Buffer
	require.NoError(t, WriteJSON(&text, Report{Deployment: "d", Findings: []Finding{finding}}))

	var read struct{ Findings []map[string]string }
	require.NoError(t, json.Unmarshal(text.Bytes(), &read))
	got := read.Findings[0]
	for _, key := range renamedKeys {
		require.NotEmpty(t, got[key.current], key.current)
		require.Equal(t, got[key.current], got[key.old], key.old)
	}
	require.Equal(t, "redis", got["component"])

	var again struct{ Findings []Finding }
	require.NoError(t, json.Unmarshal(text.Bytes(), &again))
	require.Equal(t, finding, again.Findings[0])
}
