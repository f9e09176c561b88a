package realm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPasswordPolicyThatKeycloakRefusesIsFoundBeforeTheUpdate(t *testing.T) {
	for _, good := range []string{
		"length(12)",
		"length(12) and notUsername(undefined) and notEmail(undefined) and passwordHistory(3)",
		"regexPattern(^[a-z(]+$) and hashAlgorithm(argon2)",
		"notEmail and digits(0)",
	} {
		require.NoError(t, CheckPasswordPolicy(good), good)
	}
	for bad, want := range map[string]string{
		"lengths(12)":            `the unknown policy "lengths", want one of digits, `,
		"length(12), digits(1)":  `"length(12), digits(1)", want a number in length(…)`,
		"length(twelve)":         "want a number in length(…)",
		"length":                 "want a number in length(…)",
		"length(12":              `"length(12", want policies such as length(12)`,
		"length(12) and":         "",
		"length(12) and  and x":  "want policies such as",
		"length(-1)":             "want a number",
		"regexPattern()":         "want a value in regexPattern(…)",
		"length(12) digits(1)":   "want a number in length(…)",
		"Length(12)":             `the unknown policy "Length"`,
		"length(12) AND digits(": "want policies such as",
	} {
		err := CheckPasswordPolicy(bad)
		require.Error(t, err, bad)
		require.ErrorContains(t, err, want, bad)
	}
}
