package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const good = "4f9c-of:a/generator@%?#&=+"

func secretFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func TestASecretOfAFileIsWhatIsInItWithoutOneFinalNewline(t *testing.T) {
	for _, content := range []string{good, good + "\n", good + "\r\n"} {
		for _, mode := range []os.FileMode{0o600, 0o400, 0o640} {
			secret, err := FromFile(secretFile(t, content, mode))
			require.NoError(t, err)
			require.True(t, secret == good)
		}
	}
	for _, secret := range []string{"9e107d9d372bb6826bd81d3542a419d6", "correct-horse-battery", strings.Repeat("ab3-X9", 6), "äöü-äöü-ßß-ab-cd-ef"} {
		_, err := FromFile(secretFile(t, secret, 0o600))
		require.NoError(t, err)
	}
}

func TestASecretThatIsNoneIsRefusedAndNeverRepeated(t *testing.T) {
	for content, want := range map[string]string{
		"":                           "is empty",
		"\n":                         "is empty",
		good + "\n\n":                "more than one line|space or an empty line",
		" " + good:                   "space or an empty line",
		good + " ":                   "space or an empty line",
		good + "\t\n":                "space or an empty line",
		good + "\nPGUSER=mlflow":     "more than one line",
		good + "\x00":                "cannot be typed",
		good + "\xff":                "cannot be typed",
		"4f9c-of:a/gener":            "has 15 characters, want at least 16",
		"PasswordPassword":           "are tried first",
		"changeme12345678":           "are tried first",
		"admin12345678901":           "are tried first",
		"minioadmin-minioadmin":      "are tried first",
		"mlflow_auth-password-2026":  "are tried first",
		"0123456789012345":           "are tried first",
		"aaaaaaaaaaaaaaaaaaaaaaaaa":  "are tried first",
		strings.Repeat("4f9c-", 900): "more than 4096 bytes",
	} {
		path := secretFile(t, content, 0o600)
		secret, err := FromFile(path)
		require.Error(t, err, "of %q", content)
		require.Regexp(t, want, err.Error())
		require.Empty(t, secret)
		require.Contains(t, err.Error(), path, "which file it is about")
		if trimmed := strings.TrimSpace(content); trimmed != "" {
			require.NotContains(t, err.Error(), trimmed)
		}
	}
}

func TestAFileThatOthersMayReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o604, 0o644, 0o602, 0o666} {
		_, err := FromFile(secretFile(t, good, mode))
		require.ErrorContains(t, err, "can be read by everyone")
		require.ErrorContains(t, err, "chmod 600")
	}
}

// The setting contains the secret instead of its file.
func TestAPathThatMayBeTheSecretItselfIsNotRepeated(t *testing.T) {
	folder := t.TempDir()
	for _, typed := range []string{good, "relative/path", "/" + "wJalrXUtnFEMI", "/wJal/rXUtn/FEMI", "~/secret"} {
		_, err := FromFile(typed)
		require.Error(t, err)
		require.NotContains(t, err.Error(), typed)
	}
	_, err := FromFile("")
	require.ErrorContains(t, err, "got nothing, want the absolute path")
	_, err = FromFile(filepath.Join(folder, "gone"))
	require.ErrorContains(t, err, folder+`/gone", which does not exist`)
	_, err = FromFile(folder)
	require.ErrorContains(t, err, "is not a file")
}
