package realmusers

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A realm's policy may require every kind of character, and two users never share a password.
func TestAOneTimePasswordHasEveryKindOfCharacterAndIsUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		password := newPassword()
		for _, kind := range []string{`[a-z]`, `[A-Z]`, `[0-9]`, `[^A-Za-z0-9]`} {
			require.Regexp(t, regexp.MustCompile(kind), password)
		}
		require.GreaterOrEqual(t, len(password), 26)
		require.NotContains(t, seen, password)
		seen[password] = true
	}
}
