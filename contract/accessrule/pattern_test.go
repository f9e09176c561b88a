package accessrule

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// some are patterns of every shape, and names that distinguish them.
var (
	some  = []Pattern{"a", "ab", "a*", "*a", "*", "?", "?*", "a?", "a?*", "a*b", "a*b*", "*b*", "fraud-*", "fraud-?", "fraud-*-eu", "*-eu", "f.*"}
	names = []string{"a", "b", "ab", "ba", "aab", "abb", "abab", "fraud-", "fraud-1", "fraud-12", "fraud-1-eu", "x-eu", "f.x", "fxx", "A", "a/b", "é"}
)

func TestAPatternIsAnchoredAndItsLettersMeanThemselves(t *testing.T) {
	for pattern, want := range map[Pattern]string{
		"fraud-*": `^fraud-.*\Z`, "a.b": `^a\.b\Z`, "v?": `^v.\Z`, "(x)+": `^\(x\)\+\Z`,
	} {
		require.Equal(t, want, pattern.Regex())
	}
	require.True(t, Pattern("fraud-*").Matches("fraud-eu/2024"))
	for _, other := range []string{"xfraud-1", "Fraud-1", "fraud", "fraud-1\n"} {
		require.False(t, Pattern("fraud-*").Matches(other), "%q", other)
	}
	require.False(t, Pattern("f.*").Matches("fxx"))
}

func TestAnInvalidPatternIsRefusedWithTheReason(t *testing.T) {
	_, err := Parse("a ")
	require.ErrorContains(t, err, "no blank")
	for text, want := range map[string]string{
		"": "want a name", "**": "one * where there are two", "a*?": "want ?*", "^a": "not a regular expression", `a\d`: "not a regular expression",
		"[ab]": "not a regular expression", "a\nb": "no line break", strings.Repeat("a", 201): "at most 200",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
	for _, good := range some {
		_, err := Parse(string(good))
		require.NoError(t, err, "%q", good)
	}
}

// The plugin tries the lowest number first, so the narrower rule decides.
func TestOfTwoPatternsTheNarrowerOneHasTheLowerNumber(t *testing.T) {
	compared := 0
	for _, p := range some {
		for _, q := range some {
			if p != q && p.NarrowerThan(q) {
				compared++
				require.False(t, q.NarrowerThan(p), "%s and %s are two ways to write one pattern", p, q)
				require.Less(t, p.Priority(), q.Priority(), "%s is within %s", p, q)
			}
		}
	}
	require.Greater(t, compared, 30)
	require.Positive(t, Pattern(strings.Repeat("a", longest)).Priority())
	require.Less(t, Pattern("*").Priority(), 1<<31, "the plugin's column")
}

func TestWithinAndOverlapsAgreeWithWhatNamesSay(t *testing.T) {
	for _, p := range some {
		for _, q := range some {
			require.Equal(t, p.Overlaps(q), q.Overlaps(p), "%s, %s", p, q)
			if p.NarrowerThan(q) {
				require.True(t, p.Overlaps(q), "%s, %s", p, q)
			}
			for _, name := range names {
				if p.Matches(name) && q.Matches(name) {
					require.True(t, p.Overlaps(q), "%s and %s both match %q", p, q, name)
				}
				if p.Matches(name) && !q.Matches(name) {
					require.False(t, p.NarrowerThan(q), "%q is of %s and not of %s", name, p, q)
				}
			}
		}
	}
	require.False(t, Pattern("fraud-*").Overlaps("churn-*"))
	require.True(t, Pattern("fraud-*").Overlaps("*-eu"))
}

func TestRulesDisagreeOnlyWhereNoPatternIsTheNarrowerOne(t *testing.T) {
	rule := func(pattern Pattern, permission string) Rule {
		return Rule{Who: Group, Name: "mlflow-users", Kind: Experiment, Pattern: pattern, Permission: permission}
	}
	require.True(t, rule("fraud-*", "EDIT").ConflictsWith(rule("*-eu", "READ")))
	require.True(t, rule("fraud-*", "EDIT").ConflictsWith(rule("fraud-*", "READ")))
	require.False(t, rule("fraud-*", "EDIT").ConflictsWith(rule("*", "READ")), "the narrower one decides")
	require.False(t, rule("fraud-*", "EDIT").ConflictsWith(rule("*-eu", "EDIT")))
	require.False(t, rule("fraud-*", "EDIT").ConflictsWith(rule("churn-*", "READ")))
	other := rule("*-eu", "READ")
	other.Name = "mlflow-admins"
	require.False(t, rule("fraud-*", "EDIT").ConflictsWith(other))
}
