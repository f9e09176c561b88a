// Package accessrule defines access rules: a subject, a resource pattern and a permission.
//
// A pattern is a name with * for any characters and ? for one. MLflow's plugin uses regular
// expressions and tries rules in the order of a priority; both are computed from the pattern, so
// that of two patterns that match the same name the narrower one always applies. If neither
// pattern is narrower, they have no order, so rules that grant different permissions by such a
// pair are refused.
package accessrule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Pattern is a pattern that Parse has accepted.
type Pattern string

// longest keeps the expression below the plugin's limit of 1024 characters, and priorities in
// order.
const longest = 200

// Parse parses a pattern.
func Parse(text string) (Pattern, error) {
	switch {
	case text == "":
		return "", errors.New(`got "", want a name, or a pattern with * and ?`)
	case len(text) > longest:
		return "", fmt.Errorf("got a pattern of %d bytes, want at most %d", len(text), longest)
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl):
		return "", fmt.Errorf("got %q, want no blank at an end and no line break", text)
	case strings.Contains(text, "**"):
		return "", fmt.Errorf("got %q, want one * where there are two: it matches any characters, slashes too", text)
	case strings.Contains(text, "*?"):
		return "", fmt.Errorf("got %q, want ?* where there is *?: it is the same", text)
	case strings.ContainsAny(text, `^$\[]{}|`):
		return "", fmt.Errorf("got %q, want a name with the wildcards * and ? only: it is not a regular expression", text)
	}
	return Pattern(text), nil
}

// Exact reports whether the pattern is a single name.
func (p Pattern) Exact() bool { return !strings.ContainsAny(string(p), "*?") }

// Regex returns the pattern as a regular expression for the plugin, which anchors it at the start
// of a name only: so it has its own anchor at the end.
func (p Pattern) Regex() string {
	var b strings.Builder
	b.WriteByte('^')
	for _, r := range string(p) {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String() + `\Z` // $ would also match before a line break
}

// Matches reports whether the pattern matches a name.
func (p Pattern) Matches(name string) bool {
	// The same without Python's anchor.
	return regexp.MustCompile(strings.TrimSuffix(p.Regex(), `\Z`) + `\z`).MatchString(name)
}

// Priority is the plugin's priority of the rule; it tries the lowest first. A pattern whose names
// are a subset of another's has more letters; or as many and more ?; or fewer *.
func (p Pattern) Priority() int {
	marks, stars := strings.Count(string(p), "?"), strings.Count(string(p), "*")
	letters := len([]rune(string(p))) - marks - stars
	return 100*((longest-letters)*(longest+1)+longest-marks) + min(stars, 99)
}

// NarrowerThan reports whether q matches all names of p.
func (p Pattern) NarrowerThan(q Pattern) bool { return within([]rune(string(p)), []rune(string(q))) }

// within accepts a * only where q has one, and a ? where q has either.
func within(p, q []rune) bool {
	// at[j] reports whether the prefix of p that was read is within the first j of q.
	at := make([]bool, len(q)+1)
	at[0] = true
	for j := 1; j <= len(q) && q[j-1] == '*'; j++ {
		at[j] = true
	}
	for _, r := range p {
		next := make([]bool, len(q)+1)
		for j := 1; j <= len(q); j++ {
			switch {
			case q[j-1] == '*':
				next[j] = at[j] || next[j-1]
			case r == '*':
			case q[j-1] == '?' || q[j-1] == r:
				next[j] = at[j-1]
			}
		}
		at = next
	}
	return at[len(q)]
}

// Overlaps reports whether any name matches both.
func (p Pattern) Overlaps(q Pattern) bool {
	a, b := []rune(string(p)), []rune(string(q))
	// meet[i][j]: the first i of a and the first j of b have a common name.
	meet := make([][]bool, len(a)+1)
	for i := range meet {
		meet[i] = make([]bool, len(b)+1)
		for j := range meet[i] {
			switch {
			case i == 0 && j == 0:
				meet[i][j] = true
			case i > 0 && a[i-1] == '*' && (meet[i-1][j] || j > 0 && meet[i][j-1]):
				meet[i][j] = true
			case j > 0 && b[j-1] == '*' && (meet[i][j-1] || i > 0 && meet[i-1][j]):
				meet[i][j] = true
			case i > 0 && j > 0 && a[i-1] != '*' && b[j-1] != '*':
				meet[i][j] = meet[i-1][j-1] && (a[i-1] == '?' || b[j-1] == '?' || a[i-1] == b[j-1])
			}
		}
	}
	return meet[len(a)][len(b)]
}
