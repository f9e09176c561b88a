package accessclient

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// Everybody is all that MLflow knows about who may do what.
type Everybody struct {
	People []Person `json:"people"`
	Groups []Group  `json:"groups"`
}

// Person is a person or a service account.
type Person struct {
	Name    string `json:"name"`
	Admin   bool   `json:"admin"`
	Active  bool   `json:"active"`
	Service bool   `json:"service"`
	// Steward says that it is the stack's own.
	Steward bool       `json:"steward"`
	Groups  []string   `json:"groups"`
	Rules   []Given    `json:"rules"`
	May     []Decision `json:"may"`
}

// Group is a group; May are the things that it was granted one by one.
type Group struct {
	Name  string     `json:"name"`
	Rules []Given    `json:"rules"`
	May   []Decision `json:"may"`
}

// Given is a rule as the plugin keeps it.
type Given struct {
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

// Everybody asks the plugin for all of it.
func (s *Steward) Everybody(ctx context.Context) (all Everybody, err error) {
	err = s.do(ctx, "effective", nil, &all)
	return all, err
}
