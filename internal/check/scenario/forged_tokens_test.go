package scenario

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
)

// genuine returns a token and a verifier that accepts it.
func genuine(t *testing.T) (string, *oidc.IDTokenVerifier) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	content := encode([]byte(`{"alg":"RS256"}`)) + "." +
		encode([]byte(`{"iss":"i","aud":"mlflow","exp":4102444800,"email":"mel@example.com","groups":["mlflow-users"],"n":12345678}`))
	sum := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	token := content + "." + encode(signature)
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{&key.PublicKey}}
	return token, oidc.NewVerifier("i", keys, &oidc.Config{ClientID: "mlflow"})
}

func TestAForgedTokenDiffersFromTheGenuineOneInNothingElse(t *testing.T) {
	token, verifier := genuine(t)
	_, err := verifier.Verify(t.Context(), token)
	require.NoError(t, err)
	parts := strings.Split(token, ".")

	same, err := Forge(token, nil, nil, Keep(Signature(token)))
	require.NoError(t, err)
	require.Equal(t, token, same)

	unsigned, err := Forge(token, map[string]any{"alg": "none"}, nil, Keep(""))
	require.NoError(t, err)
	require.Equal(t, "eyJhbGciOiJub25lIn0."+parts[1]+".", unsigned)

	broken, err := Forge(token, nil, nil, Keep(Broken(token)))
	require.NoError(t, err)
	require.Equal(t, parts[0]+"."+parts[1], broken[:strings.LastIndex(broken, ".")])
	require.Len(t, broken, len(token))

	promoted, err := Forge(token, nil, map[string]any{"email": "ada@example.com"}, Keep(Signature(token)))
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(promoted, parts[2]))
	var all map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(promoted, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &all))
	require.Equal(t, map[string]any{
		"iss": "i", "aud": "mlflow", "exp": 4102444800.0, "email": "ada@example.com", "groups": []any{"mlflow-users"}, "n": 12345678.0,
	}, all)

	for _, forged := range []string{unsigned, broken, promoted} {
		_, err := verifier.Verify(t.Context(), forged)
		require.Error(t, err)
	}
}

func TestOnlyASignedTokenIsForged(t *testing.T) {
	for _, token := range []string{"", "opaque", "a.b", "a.b.c.d", "a.!.c", "a.bnVsbA.", "a.e30."} {
		_, err := Forge(token, nil, map[string]any{"x": 1}, Keep("x"))
		require.Error(t, err, token)
		if token != "" {
			require.NotContains(t, err.Error(), token)
		}
	}
}
