// Package realmusers invites users without a password and finds unlisted users in managed groups.
//
// An invitation is a mail with a link if the realm has a mail server, else a password for one
// login, at which the user sets another. A password that a user has set stays unless the operator
// resets it. Keycloak's events record invitations, so a second update sends no second mail.
//
// Listed users, demo users and service accounts stay in a group. No log or error contains a
// password.
package realmusers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// callTimeout limits one call of the admin API; a mail server may be slow.
const callTimeout = 45 * time.Second

// Realm is the realm of a running stack.
type Realm struct {
	stack outputs.Stack
	api   *admin.Client
}

// Open logs in with the program's service account.
func Open(ctx context.Context, stack outputs.Stack) (*Realm, error) {
	r := &Realm{stack: stack}
	var err error
	if r.api, err = admin.Open(ctx, stack.Keycloak, callTimeout); err != nil {
		return nil, r.failed("log in", err)
	}
	return r, nil
}

func (r *Realm) failed(what string, err error) error {
	err = fmt.Errorf("realm %s of Keycloak at %s: %s: %w", r.stack.Realm.Name, r.stack.Keycloak.AdminURL, what, err)
	if admin.Status(err) == 0 {
		err = fmt.Errorf("%w; is the stack up?", err)
	}
	return err
}

// ErrNoUser is wrapped if the realm has no user of a name.
var ErrNoUser = errors.New("there is no such user")

// find returns a user by user name.
func (r *Realm) find(ctx context.Context, username string) (*gocloak.User, error) {
	found, err := r.api.GetUsers(ctx, r.api.Token, r.stack.Realm.Name, gocloak.GetUsersParams{Username: &username, Exact: gocloak.BoolP(true)})
	if err != nil {
		return nil, r.failed("find "+username, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("realm %s: %q: %w; list them in `users` in the stack file and run `mlflow-sso up`", r.stack.Realm.Name, username, ErrNoUser)
	}
	return found[0], nil
}

// hasPassword reports whether a user can log in with Keycloak's own credentials.
func (r *Realm) hasPassword(ctx context.Context, who *gocloak.User) (bool, error) {
	ways, err := r.api.GetCredentials(ctx, r.api.Token, r.stack.Realm.Name, gocloak.PString(who.ID))
	if err != nil {
		return false, r.failed("read the credentials of "+gocloak.PString(who.Username), err)
	}
	return len(ways) > 0, nil
}

// externalLogin returns the identity provider of a user without a password; empty if there is
// none.
func (r *Realm) externalLogin(ctx context.Context, who *gocloak.User) (string, error) {
	if gocloak.PString(who.FederationLink) != "" {
		return "a directory", nil
	}
	links, err := r.api.Identities(ctx, r.stack.Realm.Name, gocloak.PString(who.ID))
	if err != nil {
		return "", r.failed("read the identity providers of "+gocloak.PString(who.Username), err)
	}
	if len(links) == 0 {
		return "", nil
	}
	return "identity provider " + links[0].Provider, nil
}

// HasMail reports whether Keycloak can send mail.
func (r *Realm) HasMail(ctx context.Context) (bool, error) {
	realm, err := r.api.GetRealm(ctx, r.api.Token, r.stack.Realm.Name)
	if err != nil {
		return false, r.failed("read its settings", err)
	}
	return realm.SMTPServer != nil && (*realm.SMTPServer)["host"] != "", nil
}

// get reads a document of the realm. The path begins with a slash.
func (r *Realm) get(ctx context.Context, path string, into any, query ...string) error {
	if err := r.api.Get(ctx, r.stack.Realm.Name, path, into, query...); err != nil {
		return r.failed("read "+path, err)
	}
	return nil
}
