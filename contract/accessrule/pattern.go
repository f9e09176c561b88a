// Package accessrule defines access rules: a subject, a resource pattern and a permission.
//
// A pattern is a name with * for any characters and ? for one. The plugin in MLflow wants
// a regular expression and tries rules in the order of a number; both are computed from
// the pattern, such that of two patterns that match the same name the narrower one always
// applies. If neither pattern is narrower, they have no order, so rules that grant
// different permissions by such a pair are refused.
package accessrule

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Pattern is one that Parse has accepted.
type Pattern string

// longest keeps the expression below the plugin's 1024 characters, and the numbers
// of rules in order.
const longest = 200

// Parse reads a pattern.
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

// Exact says whether it is one name.
func (p Pattern) Exact() bool { return !strings.ContainsAny(string(p), "*?") }

// Regex is the pattern as the plugin wants it, which looks for it at the beginning
// of a name only: the end is said here.
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
	return b.String() + `\Z` // $ would let a line break follow
}

// Matches says whether a name is one of the pattern's.
func (p Pattern) Matches(name string) bool {
	// The same but for Python's word for the end.
	return regexp.MustCompile(strings.TrimSuffix(p.Regex(), `\Z`) + `\z`).MatchString(name)
}

// Priority is the number by which the plugin tries rules, the lowest first. Where
// all names of one pattern are also another's, the one has more letters; else as
// many and more ?; else fewer *.
func (p Pattern) Priority() int {
	marks, stars := strings.Count(string(p), "?"), strings.Count(string(p), "*")
	letters := len([]rune(string(p))) - marks - stars
	return 100*((longest-letters)*(longest+1)+longest-marks) + min(stars, 99)
}

// NarrowerThan says whether all names of p are names of q.
func (p Pattern) NarrowerThan(q Pattern) bool { return within([]rune(string(p)), []rune(string(q))) }

// within is true for a * only where q has one, and for a ? where q has one of both.
func within(p, q []rune) bool {
	// at[j] says whether what was read of p is within the first j of q.
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

// Overlaps says whether there can be a name that is of both.
func (p Pattern) Overlaps(q Pattern) bool {
	a, b := []rune(string(p)), []rune(string(q))
	// meet[i][j]: the first i of a and the first j of b have a name in common.
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
