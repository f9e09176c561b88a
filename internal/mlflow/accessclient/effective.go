package accessclient

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// AllAccounts is all that MLflow knows about who may do what.
type AllAccounts struct {
	People []Person `json:"people"`
	Groups []Group  `json:"groups"`
	// Looked is how many things of each kind there are; each user's decisions are about all
	// of them. An older image of MLflow does not count.
	Looked map[accessrule.Kind]int `json:"looked"`
}

// Person is a person or a service account.
type Person struct {
	Name    string `json:"name"`
	Admin   bool   `json:"admin"`
	Active  bool   `json:"active"`
	Service bool   `json:"service"`
	// AccessAdmin says that it is the stack's own.
	AccessAdmin bool       `json:"steward"`
	Groups      []string   `json:"groups"`
	Rules       []Grant    `json:"rules"`
	May         []Decision `json:"may"`
}

// Group is a group; May are the things that it was granted one by one.
type Group struct {
	Name  string     `json:"name"`
	Rules []Grant    `json:"rules"`
	May   []Decision `json:"may"`
}

// Grant is a rule as the plugin keeps it.
type Grant struct {
	Kind       accessrule.Kind `json:"kind"`
	Regex      string          `json:"regex"`
	Priority   int             `json:"priority"`
	Permission string          `json:"permission"`
}

// Decision is what the plugin decides about one thing, and from what: user, group,
// regex, group-regex or fallback.
type Decision struct {
	Kind       accessrule.Kind `json:"kind"`
	Name       string          `json:"name"`
	Permission string          `json:"permission"`
	Source     string          `json:"source"`
}

// AllAccounts asks the plugin for all of it.
func (s *Client) AllAccounts(ctx context.Context) (all AllAccounts, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	err = s.ask(ctx, "effective", nil, &all)
	return all, err
}
