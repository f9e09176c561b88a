package login

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// checkUsers selects one user for each result of a login: the stack's demo users, or users
// created for this run.
func (p *proof) checkUsers(ctx context.Context) (string, error) {
	if len(p.Stack.DemoUsers) > 0 {
		if err := p.chooseDemoUsers(); err != nil {
			return "", err
		}
		return fmt.Sprintf("demo users %s, %s and %s", p.Admin.Username, p.Member.Username, p.outsider.Username), nil
	}
	if err := p.RemoveStale(ctx); err != nil {
		return "", err
	}
	for _, kind := range []struct {
		name, group string
		into        **scenario.Person
	}{
		{"admin", p.Stack.Realm.AdminGroup, &p.Admin},
		{"member", p.Stack.Realm.UserGroup, &p.Member},
		{"outsider", "", &p.outsider},
	} {
		who, err := p.Add(ctx, kind.name, kind.group)
		if err != nil {
			return "", err
		}
		*kind.into = who
	}
	return "the stack has no demo users; three temporary users were created in Keycloak", nil
}

// chooseDemoUsers selects the first of each kind.
func (p *proof) chooseDemoUsers() error {
	for _, user := range p.Stack.DemoUsers {
		who := scenario.DemoUser(user)
		switch {
		case user.Group == p.Stack.Realm.AdminGroup && p.Admin == nil:
			p.Admin = who
		case user.Group == p.Stack.Realm.UserGroup && p.Member == nil:
			p.Member = who
		case user.Group == "" && p.outsider == nil:
			p.outsider = who
		}
	}
	if p.Admin == nil || p.Member == nil || p.outsider == nil {
		return fmt.Errorf("%w: among %d demo users there is not one each in %s, in %s and in no group",
			check.ErrNotRun, len(p.Stack.DemoUsers), p.Stack.Realm.AdminGroup, p.Stack.Realm.UserGroup)
	}
	return nil
}
