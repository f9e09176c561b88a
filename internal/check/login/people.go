package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
)

// checkUsers finds one person for each way a login can end: the stack's demo
// users, or people made for this run.
func (p *proof) checkUsers(ctx context.Context) (string, error) {
	if len(p.stack.DemoUsers) > 0 {
		if err := p.chooseDemoUsers(); err != nil {
			return "", err
		}
		return fmt.Sprintf("demo users %s, %s and %s", p.admin.username, p.member.username, p.outsider.username), nil
	}
	p.temporary = &temporaryPeople{stack: p.stack, docker: p.docker}
	if err := p.temporary.removeStale(ctx); err != nil {
		return "", err
	}
	run := strings.ToLower(rand.Text()[:10])
	for _, kind := range []struct {
		name, group string
		into        **person
	}{
		{"admin", p.stack.Realm.AdminGroup, &p.admin},
		{"member", p.stack.Realm.UserGroup, &p.member},
		{"outsider", "", &p.outsider},
	} {
		username := temporaryPrefix + run + "-" + kind.name
		// The end satisfies policies that demand every kind of character.
		who := &person{username: username, email: username + "@example.com", password: random() + "aA1!", group: kind.group}
		if err := p.temporary.add(ctx, who); err != nil {
			return "", err
		}
		*kind.into = who
	}
	return "the stack has no demo users; three temporary people were made in Keycloak", nil
}

// chooseDemoUsers takes the first of each kind.
func (p *proof) chooseDemoUsers() error {
	for _, user := range p.stack.DemoUsers {
		who := &person{username: user.Username, email: user.Email, password: user.Password, group: user.Group}
		switch {
		case user.Group == p.stack.Realm.AdminGroup && p.admin == nil:
			p.admin = who
		case user.Group == p.stack.Realm.UserGroup && p.member == nil:
			p.member = who
		case user.Group == "" && p.outsider == nil:
			p.outsider = who
		}
	}
	if p.admin == nil || p.member == nil || p.outsider == nil {
		return fmt.Errorf("%w: among %d demo users there is not one each in %s, in %s and in no group",
			errNotRun, len(p.stack.DemoUsers), p.stack.Realm.AdminGroup, p.stack.Realm.UserGroup)
	}
	return nil
}
