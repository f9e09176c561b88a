package backup

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var root = base64.StdEncoding.EncodeToString([]byte("a root secret of 32 bytes ......"))

func TestOnlyItsPassphraseDecryptsTheRootSecretAndOnlyIfTheIdentityMatches(t *testing.T) {
	const passphrase = "a recovery passphrase"
	identity, err := Identity(root)
	require.NoError(t, err)
	sealed, err := Seal(root, passphrase)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(sealed, "-----BEGIN AGE ENCRYPTED FILE-----"), "want what `age --decrypt` reads")
	require.NotContains(t, sealed, root)

	got, err := Unseal(sealed, passphrase, identity)
	require.NoError(t, err)
	require.Equal(t, root, got)

	_, err = Unseal(sealed, "another passphrase", identity)
	require.ErrorContains(t, err, "encrypted with an earlier passphrase")
	_, err = Unseal(sealed, passphrase, "0123456789abcdef")
	require.ErrorContains(t, err, "tampered")
	require.NotContains(t, err.Error(), root)
	_, err = Unseal(strings.Replace(sealed, "\n", "\nA", 2), passphrase, identity)
	require.Error(t, err)
}

func TestAnIdentityRevealsNothingOfTheRootSecret(t *testing.T) {
	identity, err := Identity(root)
	require.NoError(t, err)
	require.Len(t, identity, 16)
	other, err := Identity(base64.StdEncoding.EncodeToString([]byte("a root secret of 32 bytes .....!")))
	require.NoError(t, err)
	require.NotEqual(t, identity, other)
	_, err = Identity("no root")
	require.Error(t, err)
}

func TestLinesAreHandedOnWholeHoweverTheyAreWritten(t *testing.T) {
	var got []string
	w := &lines{each: func(line string) { got = append(got, line) }}
	for _, part := range []string{"a", "b\nc", "\n", "\nd"} {
		_, err := w.Write([]byte(part))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"ab", "c", ""}, got)
}
