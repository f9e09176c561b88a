// Package accessreport reports who can do what in a running MLflow, and why.
//
// The effective permissions, and the kind of their source, are the plugin's own decisions,
// requested object by object. This package only computes which of several rules decides, in the
// plugin's order; if that cannot be determined, the report says so and names no rule.
package accessreport

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/accessclient"
)

// Report is the access of all users, sorted by name.
type Report struct {
	Deployment string `json:"deployment"`
	// Coverage is the number of objects and accounts in the report.
	Coverage Coverage `json:"coverage"`
	// Rules are the active rules of groups, users and service accounts.
	Rules []Rule `json:"rules"`
	// People may do what their rows say, and nothing else.
	People []Person `json:"people"`
}

// Coverage is what was requested. Counted is false for an image of MLflow that does not count:
// whether its lists were complete is unknown.
type Coverage struct {
	Counted     bool `json:"counted"`
	Experiments int  `json:"experiments"`
	Models      int  `json:"models"`
	Prompts     int  `json:"prompts"`
	People      int  `json:"people"`
	Groups      int  `json:"groups"`
}

func coverage(all accessclient.AllAccounts) Coverage {
	return Coverage{
		Counted: all.Looked != nil, Experiments: all.Looked[accessrule.Experiment], Models: all.Looked[accessrule.Model],
		Prompts: all.Looked[accessrule.Prompt], People: len(all.People), Groups: len(all.Groups),
	}
}

// String describes it.
func (c Coverage) String() string {
	accounts := fmt.Sprintf("users and service accounts: %d, groups: %d", c.People, c.Groups)
	if !c.Counted {
		return "Checked " + accounts + ". MLflow's image does not count experiments, models and prompts: lists of more than 1,000 may be incomplete."
	}
	return fmt.Sprintf("Checked experiments: %d, models: %d, prompts: %d, %s.", c.Experiments, c.Models, c.Prompts, accounts)
}

// Rule is a rule in MLflow.
type Rule struct {
	Who  accessrule.Subject `json:"who"`
	Name string             `json:"name"`
	// Kind is experiments, models or prompts.
	Kind string `json:"kind"`
	// Pattern is the one in the stack file, or the expression of a manual rule.
	Pattern    string `json:"pattern"`
	Permission string `json:"permission"`
	// Declared reports that the stack file has the same rule; otherwise a user has created or
	// changed it in MLflow.
	Declared bool `json:"declared"`

	given accessclient.Grant
}

// Person is a user or a service account.
type Person struct {
	Who    accessrule.Subject `json:"who"`
	Name   string             `json:"name"`
	Groups []string           `json:"groups"`
	// State is administrator, member, deactivated or access admin.
	State string     `json:"state"`
	May   []Decision `json:"may"`
}

// Decision is a user's permission on one object.
type Decision struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Permission string `json:"permission"`
	Because    string `json:"because"`
}

// The states of users.
const (
	administrator = "administrator"
	member        = "member"
	deactivated   = "deactivated"
	accessAdmin   = "steward"
)

const nothing = "NO_PERMISSIONS"

// Build creates the report from MLflow's accounts and the rules of the stack file.
func Build(deployment string, all accessclient.AllAccounts, declared []accessrule.Rule) Report {
	r := Report{Deployment: deployment, Coverage: coverage(all), Rules: []Rule{}, People: []Person{}}
	for _, g := range all.Groups {
		r.Rules = append(r.Rules, rulesOf(accessrule.Group, g.Name, g.Rules, declared)...)
	}
	for _, p := range all.People {
		r.Rules = append(r.Rules, rulesOf(subjectOf(p), p.Name, p.Rules, declared)...)
	}
	slices.SortStableFunc(r.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.given.Priority, b.given.Priority))
	})
	for _, p := range all.People {
		r.People = append(r.People, r.person(p))
	}
	slices.SortFunc(r.People, func(a, b Person) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

func subjectOf(p accessclient.Person) accessrule.Subject {
	if p.Service {
		return accessrule.ServiceAccount
	}
	return accessrule.User
}

func rulesOf(who accessrule.Subject, name string, given []accessclient.Grant, declared []accessrule.Rule) (all []Rule) {
	for _, g := range given {
		rule := Rule{Who: who, Name: name, Kind: g.Kind.Plural(), Pattern: g.Regex, Permission: g.Permission, given: g}
		for _, d := range declared {
			if d.Who == who && d.Name == name && d.Kind == g.Kind && d.Pattern.Regex() == g.Regex {
				rule.Pattern = string(d.Pattern)
				rule.Declared = d.Permission == g.Permission && d.Pattern.Priority() == g.Priority
			}
		}
		all = append(all, rule)
	}
	return all
}

func (r Report) person(p accessclient.Person) Person {
	entry := Person{Who: subjectOf(p), Name: p.Name, Groups: p.Groups, State: member, May: []Decision{}}
	switch {
	case !p.Active:
		entry.State = deactivated // their logins and tokens are refused
		return entry
	case p.AccessAdmin:
		entry.State = accessAdmin
	case p.Admin:
		entry.State = administrator
	}
	for _, d := range p.May {
		may := Decision{d.Kind.Plural(), d.Name, d.Permission, r.because(entry, d)}
		switch {
		case p.Admin: // the plugin applies no rules to an administrator
			may.Permission, may.Because = "MANAGE", "an administrator"
		case d.Permission == nothing:
			continue
		}
		entry.May = append(entry.May, may)
	}
	slices.SortStableFunc(entry.May, func(a, b Decision) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return entry
}

// because explains the plugin's kind of source.
func (r Report) because(p Person, d accessclient.Decision) string {
	switch d.Source {
	case "user":
		return "granted to the user in MLflow, or as its creator"
	case "group":
		return "granted to a group in MLflow"
	case "fallback":
		return "mlflow.defaultPermission"
	case "regex":
		return r.decided(d, func(rule Rule) bool { return rule.Who == p.Who && rule.Name == p.Name })
	case "group-regex":
		return r.decided(d, func(rule Rule) bool { return rule.Who == accessrule.Group && slices.Contains(p.Groups, rule.Name) })
	}
	return fmt.Sprintf("the plugin's reason %q", d.Source)
}

// decided returns the rule that the plugin applies: the lowest priority and, among equal ones,
// one with the decided permission.
func (r Report) decided(d accessclient.Decision, is func(Rule) bool) string {
	var by *Rule
	for i := range r.Rules {
		rule := &r.Rules[i]
		if !is(*rule) || rule.given.Kind != d.Kind || rule.Permission != d.Permission || !rule.matches(d.Name) {
			continue
		}
		if by == nil || rule.given.Priority < by.given.Priority {
			by = rule
		}
	}
	if by == nil {
		return "a rule that cannot be determined"
	}
	words := fmt.Sprintf("%s %s: %s %s", by.Who, by.Name, by.Kind, by.Pattern)
	if !by.Declared {
		words += ", created manually"
	}
	return words
}

// matches implements the plugin's matching: Python's match, which is anchored at the start.
func (r Rule) matches(name string) bool {
	ours := r.given.Regex
	if rest, ok := strings.CutSuffix(ours, `\Z`); ok {
		ours = rest + `\z`
	}
	compiled, err := regexp.Compile(`^(?:` + ours + `)`)
	return err == nil && compiled.MatchString(name)
}
