package backup

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// container answers a command, and records it with its input.
type container struct {
	answer string
	result engine.Result
	argv   []string
	given  string
}

func (c *container) Exec(_ context.Context, _ string, argv []string, options ...engine.ExecOption) (engine.Result, error) {
	input, output := engine.Streams(options...)
	given, err := io.ReadAll(input)
	if err == nil {
		_, err = io.WriteString(output, c.answer)
	}
	c.argv, c.given = argv, string(given)
	return c.result, err
}

func TestWhatOpensTheRepositoryIsHandedOverByStandardInput(t *testing.T) {
	c := &container{}
	client := Client{Docker: c, Container: "d-backup"}
	require.NoError(t, client.SetRecovery(t.Context(), Recovery{Passphrase: "a recovery passphrase", Root: root, Version: "1.3", Previous: []string{"second", "first"}}))
	require.Equal(t, []string{"repository", "recover"}, c.argv)
	lines := strings.SplitN(c.given, "\n", 5)
	identity, err := Identity(root)
	require.NoError(t, err)
	require.Equal(t, []string{"a recovery passphrase", identity, "1.3", "second first"}, lines[:4], "what images/backup/repository reads")
	unsealed, err := Unseal(lines[4], "a recovery passphrase", identity)
	require.NoError(t, err)
	require.Equal(t, root, unsealed)
}

func TestARestoreIsPossibleOnlyWithThePassphraseAndTheCurrentRootSecret(t *testing.T) {
	identity, err := Identity(root)
	require.NoError(t, err)
	sealed, err := Seal(root, "a recovery passphrase")
	require.NoError(t, err)
	whole := RecoveryState{KeyOpens: true, PassphraseOpens: true, Identity: identity, Sealed: sealed}
	require.True(t, whole.Recoverable(root, "a recovery passphrase"))
	for name, edit := range map[string]func(*RecoveryState){
		"the passphrase does not open the repository": func(r *RecoveryState) { r.PassphraseOpens = false },
		"no copy":              func(r *RecoveryState) { r.Sealed = "" },
		"a damaged copy":       func(r *RecoveryState) { r.Sealed = sealed[:40] },
		"another root secret":  func(r *RecoveryState) { r.Identity = "0123456789abcdef" },
		"nothing was ever set": func(r *RecoveryState) { *r = RecoveryState{} },
	} {
		edited := whole
		edit(&edited)
		require.False(t, edited.Recoverable(root, "a recovery passphrase"), name)
	}
	require.False(t, whole.Recoverable(root, "another passphrase"))
	require.False(t, whole.Recoverable("no root", "a recovery passphrase"))
}

func TestAnImageWithoutTheQuestionIsAnErrorAndNoDifference(t *testing.T) {
	client := Client{Docker: &container{result: engine.Result{ExitCode: 64, Stderr: "backup: repository: got 'recovery', want open\n"}}, Container: "d-backup"}
	_, err := client.Recovery(t.Context(), "a recovery passphrase")
	require.EqualError(t, err, "repository: got 'recovery', want open")
	c := &container{answer: "a recovery passphrase"}
	_, err = Client{Docker: c, Container: "d-backup"}.Recovery(t.Context(), "a recovery passphrase")
	require.ErrorContains(t, err, "no JSON of the kind that was wanted")
	require.NotContains(t, err.Error(), "a recovery passphrase")
	require.Equal(t, "a recovery passphrase\n", c.given)
}
