package accessclient

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// AllAccounts is MLflow's complete record of who may do what.
type AllAccounts struct {
	People []Person `json:"people"`
	Groups []Group  `json:"groups"`
	// Looked is the number of objects of each kind; each user's decisions cover all of them.
	// Older images of MLflow do not count.
	Looked map[accessrule.Kind]int `json:"looked"`
}

// Person is a user or a service account.
type Person struct {
	Name    string `json:"name"`
	Admin   bool   `json:"admin"`
	Active  bool   `json:"active"`
	Service bool   `json:"service"`
	// AccessAdmin marks the stack's own account.
	AccessAdmin bool       `json:"steward"`
	Groups      []string   `json:"groups"`
	Rules       []Grant    `json:"rules"`
	May         []Decision `json:"may"`
}

// Group is a group; May are its individual grants.
type Group struct {
	Name  string     `json:"name"`
	Rules []Grant    `json:"rules"`
	May   []Decision `json:"may"`
}

// Grant is a rule in the plugin's format.
type Grant struct {
	Kind       accessrule.Kind `json:"kind"`
	Regex      string          `json:"regex"`
	Priority   int             `json:"priority"`
	Permission string          `json:"permission"`
}

// Decision is the plugin's decision about one object, and its source: user, group, regex,
// group-regex or fallback.
type Decision struct {
	Kind       accessrule.Kind `json:"kind"`
	Name       string          `json:"name"`
	Permission string          `json:"permission"`
	Source     string          `json:"source"`
}

// AllAccounts requests all of it from the plugin.
func (s *Client) AllAccounts(ctx context.Context) (all AllAccounts, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	err = s.ask(ctx, "effective", nil, &all)
	return all, err
}
