package credentials

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is 32 bytes that are easy to write.
var root = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

// A changed derivation locks everyone out of every existing stack, so this test pins the values.
// Never "fix" them: a new derivation needs a new version in its info, and a migration for
// existing stacks.
func TestDerivationNeverChanges(t *testing.T) {
	golden := map[Label]string{
		"postgres/superuser":       "aUTLkYseLwJjVmVf72_lOrO4ZVlDt_WBMq_6RVNyJIQ",
		"postgres/mlflow":          "AkBxgs5qeLF8CDJnqHzw7wTz920cXHnGtJm5R8eu_Xo",
		"postgres/mlflow-auth":     "Xa2Ym16fpIw_nzHJ8V8YIjNO5Qc9s3VNnx6mGE6Fesk",
		"postgres/keycloak":        "_EAZBu96WYwiJPBhm2wJh2Q7TWGbRIue--z7UlFxTYc",
		"redis/default":            "FfiYrfKYUsgdBNcaXreo1oLHzzCG2rpuom-EZ3-MBUI",
		"keycloak/admin":           "cqcQmDzZgg_MAmzb1ixWOrrSl_2fUAn6J7hiklzFcGs",
		"keycloak/provider":        "XcAh80uel3PoyDfamCP-Yk_Cssh-1OmB3bFBJ1RQrk0",
		"mlflow/client-secret":     "7jiJvS8fKj9h0MjJZBLRbe4g_NMYdWlQLPXjXiXLqhY",
		"mlflow/secret-key":        "5Z0Pjq0jbI8B-qT2cIz0Sp7q6wf3DKE5sgfcaWCpvUw",
		"mlflow/session-token-key": "tL43LL0q6KfdYISg_9hBvmHaOwtWLywAnJzGMhDqU3M",
		"mlflow/gateway-key":       "XUzVBcBHy7GPNyJrttGDWcZIO6UTSfqVCOx5H3ZRoTM",
		"mlflow/webhook-key":       "9wP6SgPgYe7AnS3UIFjCELGgTIj8c2AiE7dMkaQCjIU",
		"keeper/client-secret":     "_mBJctNIWIxFk_NtElJlZYOsRlt4AEjY0GFDTOA0G4I",
		"steward/client-secret":    "F79h_KAJ0yKev8XL33Z7oxiRijXKneDqEAUb3mkDhUw",
		"postgres/backup":          "l4LuzSWEYKb_bdlkVZvZ7EQQ2MuBXwUe3YJ_Aow3hx4",
		"backup/repository":        "7jHPGKtT4_2DIlzBio60r4LsHZgo53aQOh2RMYJtLvg",
		"demo/admin":               "-9lUd0QBGy1r3_vDOk8nbTHU5iulyuEAiiT6ieQun70",
		"demo/member":              "ayAI-n7LjRq03qSR9e3vjjPhtHLv8tUy4w3DcGbvTgg",
		"demo/outsider":            "W3VM48Z57nRYHM05Cx7HzJDryUvI6PzJ_QMrX--H0tg",
	}
	require.Len(t, golden, len(Labels()))
	for _, label := range Labels() {
		key, err := Derive(root, label, 1)
		require.NoError(t, err)
		require.Equal(t, golden[label], base64.RawURLEncoding.EncodeToString(key), "of %s", label)
	}
	key, err := Derive(root, Redis, 2)
	require.NoError(t, err)
	require.Equal(t, "gKn7xHwkVQATwa7xc22BOMlQuuP617jKBJqcJ3V9nr4", base64.RawURLEncoding.EncodeToString(key))
}

// RFC 5869, A.1 and A.3: the standard library's function implements the RFC. Derive is that
// function with the documented info and no salt.
func TestDerivationIsHKDF(t *testing.T) {
	unhex := func(text string) []byte {
		value, err := hex.DecodeString(text)
		require.NoError(t, err)
		return value
	}
	secret := unhex(strings.Repeat("0b", 22))
	key, err := hkdf.Key(sha256.New, secret, unhex("000102030405060708090a0b0c"), string(unhex("f0f1f2f3f4f5f6f7f8f9")), 42)
	require.NoError(t, err)
	require.Equal(t, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865", hex.EncodeToString(key))
	key, err = hkdf.Key(sha256.New, secret, nil, "", 42)
	require.NoError(t, err)
	require.Equal(t, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8", hex.EncodeToString(key))

	want, err := hkdf.Key(sha256.New, []byte("0123456789abcdef0123456789abcdef"), nil, "mlflow-sso/v1/redis/default/7", 32)
	require.NoError(t, err)
	got, err := Derive(root, Redis, 7)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEveryLabelAndGenerationHasAValueOfItsOwn(t *testing.T) {
	other := base64.StdEncoding.EncodeToString([]byte("another root of 32 bytes, really"))
	seen := map[string]string{}
	for _, secret := range []string{root, other} {
		for _, label := range Labels() {
			for generation := 1; generation <= 12; generation++ {
				key, err := Derive(secret, label, generation)
				require.NoError(t, err)
				require.Len(t, key, 32)
				require.NotContains(t, seen, string(key), "%s %d", label, generation)
				seen[string(key)] = string(label)
			}
		}
	}
}

func TestAnInvalidRootSecretIsRefusedAndNotRepeated(t *testing.T) {
	for _, bad := range []string{"", "short", root[:40], root + "AAAA", "!" + root[1:]} {
		_, err := Derive(bad, Redis, 1)
		require.ErrorContains(t, err, "are not 32 bytes in base64", "of %d characters", len(bad))
		if len(bad) > 10 {
			require.NotContains(t, err.Error(), bad[:10])
		}
	}
}

func TestLabelsAreUniqueAndListed(t *testing.T) {
	seen := map[Label]bool{}
	for _, label := range Labels() {
		require.False(t, seen[label], "%s twice", label)
		seen[label] = true
		// The info is joined by slashes: a slash in a label could make two labels equal.
		require.Regexp(t, `^[a-z]+/[a-z-]+$`, string(label))
		require.Contains(t, LabelList(), string(label))
	}
}

func TestArgumentsNameEveryMistake(t *testing.T) {
	require.NoError(t, (&Args{}).Validate())
	require.NoError(t, (&Args{Generations: map[Label]int{Redis: 2}}).Validate())
	require.ErrorContains(t, (*Args)(nil).Validate(), "args: got none")
	err := (&Args{Generations: map[Label]int{"unknown": 1, Redis: 0}}).Validate()
	require.ErrorContains(t, err, `"unknown", want one of postgres/superuser`)
	require.ErrorContains(t, err, "Generations[redis/default] is 0, want 1 to 999")
}
