package lifecycle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFullDiskIsSeenBeforeAnythingBegins(t *testing.T) {
	require.NoError(t, roomIn(t.TempDir(), 1, ""))
	require.ErrorContains(t, roomIn(t.TempDir(), 1<<62, "hint"), "the disk is full")
	require.NoError(t, roomIn("/does/not/exist", 1<<62, ""))
}
