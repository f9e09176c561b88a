package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Outcome is what an update would do to a resource.
type Outcome string

// The outcomes, by severity.
const (
	Removed  Outcome = "removed"
	Replaced Outcome = "replaced"
	Changed  Outcome = "changed"
	Created  Outcome = "created"
)

var outcomes = []Outcome{Removed, Replaced, Changed, Created}

// Change is a resource that an update would change.
type Change struct {
	// Resource is its name in the program, Kind its type, such as "docker Container".
	Resource, Kind string
	Outcome        Outcome
	// Why says what forces a replacement.
	Why string
	// Properties are those that differ; none if the resource is created or deleted.
	Properties []Property
	// DataLoss names the data that would be lost; empty if none.
	DataLoss string
}

// String returns a text such as `redis-container: would be replaced for ["memory"]`.
func (c Change) String() string {
	text := fmt.Sprintf("%s: would be %s", c.Resource, c.Outcome)
	if len(c.Properties) == 0 {
		return text
	}
	names := make([]string, len(c.Properties))
	for i, p := range c.Properties {
		names[i] = p.Name
	}
	return fmt.Sprintf("%s for %q", text, names)
}

// Sides returns the old and the new values of properties, each on one line.
func Sides(all []Property) (before, after string) {
	olds, news := make([]string, len(all)), make([]string, len(all))
	for i, p := range all {
		olds[i], news[i] = plain(p.Name)+": "+Value(p.Old), plain(p.Name)+": "+Value(p.New)
	}
	return strings.Join(olds, "; "), strings.Join(news, "; ")
}

// Value returns a property's value on one line, truncated.
func Value(raw json.RawMessage) string {
	if raw == nil {
		return "none"
	}
	return value(raw, longest)
}

// Property is a property that differs. Old and New are nil if there is none. The caller replaces
// a secret value by Secret.
type Property struct {
	Name     string
	Old, New json.RawMessage
	// Forces reports that the property forces a replacement.
	Forces bool
}

// Placeholders for values that cannot be shown.
var (
	Secret  = json.RawMessage(`"[secret]"`)
	Unknown = json.RawMessage(`"[known after the update]"`)
)

// Preview is what an update of a stack would do.
type Preview struct {
	Stack string
	// Changes are in display order.
	Changes []Change
	// Same counts the unchanged resources.
	Same int
}

func (p Preview) count(o Outcome) int {
	n := 0
	for _, c := range p.Changes {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// losses returns the changes that would lose data.
func (p Preview) losses() []Change {
	var found []Change
	for _, c := range p.Changes {
		if c.DataLoss != "" {
			found = append(found, c)
		}
	}
	return found
}

// Summary returns a text such as "1 replaced, 2 created, 36 stay".
func (p Preview) Summary() string {
	var parts []string
	for _, o := range outcomes {
		if n := p.count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no change")
	}
	return strings.Join(append(parts, fmt.Sprintf("%d stay", p.Same)), ", ")
}

// plain returns a text on one line, without control characters or changes of the writing
// direction.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// value returns a property's value on one line of at most that many characters.
func value(raw json.RawMessage, most int) string {
	switch {
	case raw == nil:
		return ""
	case bytes.Equal(raw, Secret) || bytes.Equal(raw, Unknown):
		return strings.Trim(string(raw), `"`)
	}
	text := []rune(plain(string(raw)))
	if len(text) > most {
		return fmt.Sprintf("%s… (%d more characters)", string(text[:most]), len(text)-most)
	}
	return string(text)
}
