package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// Access is what one group, user or service account may do. Each map has names or
// patterns with * and ?, with READ, USE, EDIT or MANAGE.
type Access struct {
	// Group is a group of the realm. Exactly one of group, user and serviceAccount is set.
	Group string `json:"group"`
	// User is the e-mail address of a user.
	User string `json:"user"`
	// ServiceAccount is the name of a service account.
	ServiceAccount string `json:"serviceAccount"`

	// Experiments maps names or patterns of experiments to READ, USE, EDIT or MANAGE.
	Experiments map[string]string `json:"experiments"`
	// Models maps names or patterns of registered models to READ, USE, EDIT or MANAGE.
	Models map[string]string `json:"models"`
	// Prompts maps names or patterns of prompts to READ, USE, EDIT or MANAGE.
	Prompts map[string]string `json:"prompts"`
	// Future allows patterns that match nothing yet.
	Future bool `json:"future"`
}

// subject returns the subject of the rule; the name is MLflow's.
func (a Access) subject() (who accessrule.Subject, name string, err error) {
	named := 0
	for w, n := range map[accessrule.Subject]string{accessrule.Group: a.Group, accessrule.User: a.User, accessrule.ServiceAccount: a.ServiceAccount} {
		if n != "" {
			named++
			who, name = w, n
		}
	}
	if named != 1 {
		return "", "", fmt.Errorf("got %d of group, user and serviceAccount, want one", named)
	}
	if who == accessrule.ServiceAccount {
		name = realm.ServiceAccountUsername(name)
	}
	return who, name, nil
}

// Rules returns the access rules one by one, in a fixed order, without those that Validate
// refuses.
func (c *Config) Rules() []accessrule.Rule {
	var all []accessrule.Rule
	for _, a := range c.Access {
		who, name, err := a.subject()
		if err != nil {
			continue
		}
		for _, things := range a.things() {
			for _, text := range slices.Sorted(maps.Keys(things.granted)) {
				if pattern, err := accessrule.Parse(text); err == nil {
					all = append(all, accessrule.Rule{Who: who, Name: name, Kind: things.kind, Pattern: pattern, Permission: things.granted[text], Future: a.Future})
				}
			}
		}
	}
	return all
}

type things struct {
	key     string
	kind    accessrule.Kind
	granted map[string]string
}

func (a Access) things() []things {
	return []things{{"experiments", accessrule.Experiment, a.Experiments}, {"models", accessrule.Model, a.Models}, {"prompts", accessrule.Prompt, a.Prompts}}
}

func (v *validation) access(c *Config) {
	for i, a := range c.Access {
		key := fmt.Sprintf("access[%d]", i)
		who, _, err := a.subject()
		switch {
		case err != nil:
			v.fail(key, "%w", err)
		case who == accessrule.Group && !slices.Contains(c.groups(), a.Group):
			v.fail(key+".group", "got the unknown group %q, want one of %s; realm.groups adds more", a.Group, strings.Join(c.groups(), ", "))
		case who == accessrule.User && (a.User != strings.ToLower(a.User) || !strings.Contains(a.User, "@")):
			v.fail(key+".user", "got %q, want an e-mail address in lower case, by which MLflow identifies users", a.User)
		case who == accessrule.ServiceAccount && !slices.ContainsFunc(c.ServiceAccounts, func(s ServiceAccount) bool { return s.Name == a.ServiceAccount }):
			v.fail(key+".serviceAccount", "got %q, which is not declared, want one of serviceAccounts", a.ServiceAccount)
		}
		granted := 0
		for _, t := range a.things() {
			for _, text := range slices.Sorted(maps.Keys(t.granted)) {
				granted++
				at := fmt.Sprintf("%s.%s[%s]", key, t.key, text)
				if _, err := accessrule.Parse(text); err != nil {
					v.fail(at, "%w", err)
				}
				v.oneOf(at, t.granted[text], accessrule.Permissions())
			}
		}
		if granted == 0 {
			v.fail(key, "got no experiments, models or prompts, want at least one of them")
		}
	}
	all := c.Rules()
	for i, r := range all {
		for _, other := range all[:i] {
			switch {
			case r.Key() == other.Key():
				v.fail("access", "got %q twice, %s and %s, want it once", r.Key(), other.Permission, r.Permission)
			case r.ConflictsWith(other):
				v.fail("access", "got %s on %q and %s on %q for %s %s: a name can match both, and neither pattern is the narrower one; want the same permission, or one pattern within the other",
					other.Permission, other.Pattern, r.Permission, r.Pattern, r.Who, r.Name)
			}
		}
	}
}
