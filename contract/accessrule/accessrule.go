package accessrule

import "fmt"

// Subject says whom a rule is for.
type Subject string

// The kinds of subjects.
const (
	Group          Subject = "group"
	User           Subject = "user"
	ServiceAccount Subject = "serviceAccount"
)

// Kind says what a rule is about, in the plugin's words.
type Kind string

// The kinds of things.
const (
	Experiment Kind = "experiment"
	Model      Kind = "registered-model"
	Prompt     Kind = "prompt"
)

// Kinds are all kinds of things.
func Kinds() []Kind { return []Kind{Experiment, Model, Prompt} }

// Plural is how a stack file and a table call them.
func (k Kind) Plural() string {
	if k == Model {
		return "models"
	}
	return string(k) + "s"
}

// Permissions are what a rule can grant, the least first.
func Permissions() []string { return []string{"READ", "USE", "EDIT", "MANAGE"} }

// Rule is one grant.
type Rule struct {
	Who        Subject
	Name       string
	Kind       Kind
	Pattern    Pattern
	Permission string
	// Future says that the pattern need not match anything yet.
	Future bool
}

// Key identifies a rule: there is one grant for each.
func (r Rule) Key() string {
	return fmt.Sprintf("%s/%s/%s/%s", r.Who, r.Name, r.Kind.Plural(), r.Pattern)
}

// ConflictsWith says whether two rules for the same subject grant different things by
// patterns of which neither is the narrower one.
func (r Rule) ConflictsWith(other Rule) bool {
	return r.Who == other.Who && r.Name == other.Name && r.Kind == other.Kind && r.Permission != other.Permission &&
		r.Pattern.Overlaps(other.Pattern) && r.Pattern.NarrowerThan(other.Pattern) == other.Pattern.NarrowerThan(r.Pattern)
}
