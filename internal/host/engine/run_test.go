package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFailedCommandHasNoOutputAndAnErrorWithoutIt(t *testing.T) {
	said, err := output(Result{Stdout: "fine"}, nil)
	require.NoError(t, err)
	require.Equal(t, "fine", string(said))

	said, err = output(Result{Stdout: "hidden-value", Stderr: "it broke", ExitCode: 2}, nil)
	require.EqualError(t, err, "exit code 2: it broke")
	require.Nil(t, said)

	broken := errors.New("the engine is away")
	_, err = output(Result{}, broken)
	require.Equal(t, broken, err)
}

func TestOnlyWhatIsGivenIsOnStandardInput(t *testing.T) {
	require.Empty(t, stdin(nil), "a command that reads would block")
	require.Len(t, stdin(strings.NewReader("x")), 1)
}
