// Package adminrealm configures Keycloak's realm master and issues temporary administrator
// accounts.
//
// Pulumi cannot manage that realm: Keycloak creates it, and an import into the update that
// creates the server is not possible. So the tool configures it after each update, through
// the admin API, with the program's own service account: brute-force detection, session
// lifetimes, recorded events and its users. In the stack's own realm, it disables the
// clients for administrators, of which there are none, grants identity sync its one role,
// and sets derived passwords when their version changes. Reconciling a realm that is
// already configured changes nothing, and settings not listed here stay as they are.
//
// A temporary administrator carries its expiry as an attribute. The next reconciliation
// deletes expired ones, so a command that was killed leaves nothing behind. Users that the
// stack did not create are never changed.
package adminrealm

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// name is Keycloak's own for the realm of its administrators.
	name = admin.Realm
	// callTimeout bounds one call of the admin API.
	callTimeout = 30 * time.Second
)

// Difference is something in the realm that is not as it should be.
type Difference struct {
	// What is a setting by Keycloak's name for it, or a person.
	What string
	// Got and Wanted are as Keycloak writes them.
	Got, Wanted string
}

// String is such as "rememberMe: got true, want false".
func (d Difference) String() string {
	return fmt.Sprintf("%s: got %s, want %s", d.What, d.Got, d.Wanted)
}

// Realm is realm master of a stack's Keycloak.
type Realm struct {
	stack outputs.Stack
}

// New is realm master of a stack that is up. Nothing is asked yet.
func New(stack outputs.Stack) *Realm {
	return &Realm{stack: stack}
}

// reconciler is one side of the realm: how to see what differs, and how to set that back.
type reconciler struct {
	look      func(*session, context.Context) ([]Difference, error)
	reconcile func(*session, context.Context, []Difference) error
}

// aspects are in the order in which they are set. The settings come last: a new
// address of the realm ends every session, also that of whoever sets it.
func (r *Realm) aspects() []reconciler {
	return []reconciler{
		{(*session).profile, (*session).reconcileProfile},
		{(*session).people, (*session).reconcilePeople},
		{(*session).passwords, (*session).reconcilePasswords},
		{(*session).builtinClients, (*session).reconcileBuiltinClients},
		{(*session).syncClientRights, (*session).reconcileSyncClient},
		{(*session).settings, (*session).reconcileSettings},
	}
}

// Differences are what Reconcile would set back; the realm stays as it is.
func (r *Realm) Differences(ctx context.Context) ([]Difference, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var all []Difference
	for _, a := range r.aspects() {
		found, err := a.look(s, ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Reconcile sets the realm to what the stack wants, and returns what it has set back.
func (r *Realm) Reconcile(ctx context.Context) ([]Difference, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var changed []Difference
	for _, a := range r.aspects() {
		found, err := a.look(s, ctx)
		if err != nil {
			return changed, err
		}
		if len(found) == 0 {
			continue
		}
		if err := a.reconcile(s, ctx, found); err != nil {
			return changed, err
		}
		if s, err = r.open(ctx); err != nil {
			return changed, err
		}
		left, err := a.look(s, ctx)
		if err != nil {
			return changed, err
		}
		if len(left) > 0 {
			return changed, fmt.Errorf("realm %s was set, and still Keycloak says %s; is its image of another version, or does someone else set it?", name, left[0])
		}
		changed = append(changed, found...)
	}
	return changed, nil
}

// session is the service account, logged in for a minute.
type session struct {
	*Realm
	api *admin.Client
}

// open logs in. Tokens are short-lived, and do not outlive a new address of the
// realm; and each login is remembered, so there are as few as that allows.
func (r *Realm) open(ctx context.Context) (*session, error) {
	api, err := admin.Open(ctx, r.stack.Keycloak, callTimeout)
	if err != nil {
		return nil, r.failed(fmt.Sprintf("log in as %s", r.stack.Keycloak.Provider.ID), err)
	}
	return &session{r, api}, nil
}

// failed says what was tried and, where it is known, what to do.
func (r *Realm) failed(what string, err error) error {
	err = fmt.Errorf("realm %s of Keycloak at %s: %s: %w", name, r.stack.Keycloak.AdminURL, what, err)
	switch admin.Status(err) {
	case 0:
		return fmt.Errorf("%w; is the stack up? `mlflow-sso up` starts what has ended", err)
	case http.StatusUnauthorized:
		return fmt.Errorf("%w; Keycloak does not know this stack's service account: an update that was turning it was cut off, and `mlflow-sso up` goes on from there; or its database was made with another root secret", err)
	}
	return err
}

// get reads a document of the realm, put writes one. The path begins with a slash,
// or is empty for the realm itself.
func (s *session) get(ctx context.Context, path string, into any) error {
	if err := s.api.Get(ctx, name, path, into); err != nil {
		return s.failed("read "+s.api.URL(name, path), err)
	}
	return nil
}

func (s *session) put(ctx context.Context, path string, document any) error {
	if err := s.api.Put(ctx, name, path, document); err != nil {
		return s.failed("set "+s.api.URL(name, path), err)
	}
	return nil
}
