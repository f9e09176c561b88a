package accessrule

import "fmt"

// Subject is the user, group or service account of a rule.
type Subject string

// The kinds of subjects.
const (
	Group          Subject = "group"
	User           Subject = "user"
	ServiceAccount Subject = "serviceAccount"
)

// Kind is what a rule applies to, in the plugin's terms.
type Kind string

// The kinds of objects.
const (
	Experiment Kind = "experiment"
	Model      Kind = "registered-model"
	Prompt     Kind = "prompt"
)

// Kinds are all kinds of objects.
func Kinds() []Kind { return []Kind{Experiment, Model, Prompt} }

// Plural returns its name in stack files and tables.
func (k Kind) Plural() string {
	if k == Model {
		return "models"
	}
	return string(k) + "s"
}

// Permissions are the permissions that a rule can grant, from least to most.
func Permissions() []string { return []string{"READ", "USE", "EDIT", "MANAGE"} }

// Rule is one grant.
type Rule struct {
	Who        Subject
	Name       string
	Kind       Kind
	Pattern    Pattern
	Permission string
	// Future allows a pattern that matches nothing yet.
	Future bool
}

// Key identifies a rule: there is one grant per key.
func (r Rule) Key() string {
	return fmt.Sprintf("%s/%s/%s/%s", r.Who, r.Name, r.Kind.Plural(), r.Pattern)
}

// ConflictsWith reports whether two rules for the same subject grant different permissions by
// patterns of which neither is narrower.
func (r Rule) ConflictsWith(other Rule) bool {
	return r.Who == other.Who && r.Name == other.Name && r.Kind == other.Kind && r.Permission != other.Permission &&
		r.Pattern.Overlaps(other.Pattern) && r.Pattern.NarrowerThan(other.Pattern) == other.Pattern.NarrowerThan(r.Pattern)
}
