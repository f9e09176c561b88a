package outputs

import (
	"fmt"
	"slices"
	"strings"
)

// ServiceAccount is a service account that uses MLflow with its own tokens. Its name is its
// client ID in Keycloak.
type ServiceAccount struct {
	Name string `json:"name"`
	// Username is the account's name in Keycloak and in MLflow.
	Username string `json:"username"`
	// Subject is the `sub` of its tokens.
	Subject string   `json:"subject"`
	Secret  string   `json:"secret"`
	Groups  []string `json:"groups"`
	Admin   bool     `json:"admin"`
}

// ServiceAccount returns the account with this name.
func (s Stack) ServiceAccount(name string) (ServiceAccount, error) {
	names := make([]string, 0, len(s.ServiceAccounts))
	for _, account := range s.ServiceAccounts {
		if account.Name == name {
			return account, nil
		}
		names = append(names, account.Name)
	}
	if len(names) == 0 {
		return ServiceAccount{}, fmt.Errorf("%s has no service account %q, and no other; declare it in the setting serviceAccounts and run `mlflow-sso up`", s.Deployment, name)
	}
	slices.Sort(names)
	return ServiceAccount{}, fmt.Errorf("%s has no service account %q, want one of %s", s.Deployment, name, strings.Join(names, ", "))
}
