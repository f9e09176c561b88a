package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// ServiceAccount is an account for a CI job, a scheduler or a notebook server, which uses
// MLflow with tokens of its own.
type ServiceAccount struct {
	// Name is the client ID at Keycloak. In MLflow it is service-account-<name>.
	Name string `json:"name"`
	// Groups are the account's groups.
	Groups []string `json:"groups"`
	// Admin must be true for an account in mlflow-admins, and only for such an account.
	Admin bool `json:"admin"`
	// TokenMinutes is the lifetime of a token in minutes.
	TokenMinutes int `json:"tokenMinutes"`
}

func (s *ServiceAccount) setDefaults() { s.TokenMinutes = 10 }

// Label returns the label of its secret.
func (s *ServiceAccount) Label() credentials.Label { return credentials.ServiceAccount(s.Name) }

const (
	maxServiceAccounts = 200
	// maxTokenMinutes is a day: a token cannot be revoked before it expires.
	maxTokenMinutes = 24 * 60
)

// serviceAccounts validates each account by its name, which is what an operator looks for in a
// stack file.
func (v *validation) serviceAccounts(c *Config) {
	if n := len(c.ServiceAccounts); n > maxServiceAccounts {
		v.fail("serviceAccounts", "got %d accounts, want at most %d", n, maxServiceAccounts)
	}
	groups := c.groups()
	seen := map[string]bool{}
	for i, a := range c.ServiceAccounts {
		key := fmt.Sprintf("serviceAccounts[%d]", i)
		if !namePattern.MatchString(a.Name) || len(a.Name) > maxNameLength {
			v.fail(key+".name", "got %q, want lower-case words joined by hyphens, at most %d characters", a.Name, maxNameLength)
		} else {
			key = fmt.Sprintf("serviceAccounts[%s]", a.Name)
		}
		switch {
		case a.Name != "" && seen[a.Name]:
			v.fail(key, "got the name twice, want each account once")
		case slices.Contains(realm.ReservedClientIDs(), a.Name):
			v.fail(key+".name", "got %q, which is the ID of another client in Keycloak, want a unique name", a.Name)
		}
		seen[a.Name] = true
		for j, group := range a.Groups {
			switch {
			case !slices.Contains(groups, group):
				v.fail(key+".groups", "got the unknown group %q, want one of %s; realm.groups adds more", group, strings.Join(groups, ", "))
			case slices.Contains(a.Groups[:j], group):
				v.fail(key+".groups", "got %q twice, want each group once", group)
			}
		}
		inAdmins := slices.Contains(a.Groups, realm.AdminGroup)
		switch {
		case inAdmins && !a.Admin:
			v.fail(key+".admin", "got false while it is in group %s, want true there, or another group: an administrator of MLflow has to be declared as one", realm.AdminGroup)
		case a.Admin && !inAdmins:
			v.fail(key+".admin", "got true while it is not in group %s, want both or neither", realm.AdminGroup)
		}
		v.between(key+".tokenMinutes", a.TokenMinutes, 1, maxTokenMinutes)
	}
}

// accountLabels returns the labels of the accounts' secrets.
func (c *Config) accountLabels() []credentials.Label {
	labels := make([]credentials.Label, 0, len(c.ServiceAccounts))
	for _, a := range c.ServiceAccounts {
		labels = append(labels, a.Label())
	}
	return labels
}
