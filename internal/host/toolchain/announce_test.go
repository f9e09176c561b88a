package toolchain

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// Compiling takes minutes, and most people can do without.
func TestBeforeTheFirstPartIsCompiledAPersonLearnsHowToDoWithout(t *testing.T) {
	s := newSite(t)
	s.install(t)
	require.NotContains(t, s.said.String(), "compiling", "the vendor has it")

	s.source = FromSource
	s.install(t)
	require.Equal(t, 1, s.builds(t))
	said := s.said.String()
	note, built := strings.Index(said, "note    compiling Pulumi"), strings.Index(said, "done    "+s.plugin.name)
	require.GreaterOrEqual(t, note, 0, said)
	require.Less(t, note, built, "before it is done")
	require.Contains(t, said, datadir.Variable)
	require.Contains(t, said, s.home.Dir())

	require.NoError(t, forget(s.recordOf(s.plugin)))
	s.install(t)
	require.NotContains(t, s.said.String(), "compiling", "once in a run")
}
