// Package adminrealm configures what Keycloak creates by itself, and issues temporary
// administrator accounts.
//
// Keycloak creates realm master, and in each other realm its built-in clients and roles.
// The project's own Pulumi provider (package provider) configures them through this
// package, over the admin API and with the program's own service account: what an
// anonymous client may try, how long a session lasts, which events are recorded, the users
// of realm master, which clients are disabled, what identity sync may do, and the rotated
// passwords. Reconciling is idempotent. Settings that this package does not name stay as
// an administrator set them.
//
// A temporary administrator carries its expiry. The next reconciliation deletes expired
// ones, so that a killed command leaves nothing behind. Users that an administrator
// created are never changed.
package adminrealm

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// name is Keycloak's own for the realm of its administrators.
	name = admin.Realm
	// callTimeout bounds one call of the admin API.
	callTimeout = 30 * time.Second
)

// Difference is something in Keycloak that is not as it should be.
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

// Part is one side of what is configured: how to compare it, and how to set what differs.
type Part struct {
	compare func(*session, context.Context) ([]Difference, error)
	apply   func(*session, context.Context, []Difference) error
}

// Realm is realm master of a Keycloak, with what is configured through it.
type Realm struct {
	keycloak outputs.Keycloak
	parts    []Part
}

// New is realm master of a stack that is up, with everything that the stack configures
// there. Nothing is requested yet.
func New(stack outputs.Stack) *Realm {
	frontend := ""
	if stack.Edge.Exists() {
		// The console logs in at the realm's own address. Behind an edge that is this host's
		// loopback, since the edge shows the realm to nobody.
		frontend = stack.Keycloak.AdminURL
	}
	in := stack.Realm.Name
	parts := []Part{Profile(), Admins(stack.Keycloak.Admin)}
	for _, c := range credentialsOf(stack) {
		parts = append(parts, Password(c))
	}
	for _, client := range identity.AdminClients() {
		parts = append(parts, BuiltinClient(in, client, false))
	}
	parts = append(parts, ClientRoles(in, realm.SyncClientID, identity.RealmManagement, []string{identity.ViewUsers}))
	// The settings come last: a new address of the realm ends every session, also this one.
	expiration := time.Duration(stack.Realm.EventsExpiration) * time.Second
	parts = append(parts, Settings(identity.AdminRealmSettings(expiration, frontend)))
	return Of(stack.Keycloak, parts...)
}

// Of is realm master of a Keycloak, with parts of what is configured.
func Of(keycloak outputs.Keycloak, parts ...Part) *Realm {
	return &Realm{keycloak: keycloak, parts: parts}
}

// Differences are what Reconcile would set; Keycloak stays as it is.
func (r *Realm) Differences(ctx context.Context) ([]Difference, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var all []Difference
	for _, part := range r.parts {
		found, err := part.compare(s, ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Reconcile sets what differs, and returns what that was.
func (r *Realm) Reconcile(ctx context.Context) ([]Difference, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var done []Difference
	for _, part := range r.parts {
		found, err := part.compare(s, ctx)
		if err != nil {
			return done, err
		}
		if len(found) == 0 {
			continue
		}
		if err := part.apply(s, ctx, found); err != nil {
			return done, err
		}
		if s, err = r.open(ctx); err != nil {
			return done, err
		}
		left, err := part.compare(s, ctx)
		if err != nil {
			return done, err
		}
		if len(left) > 0 {
			return done, fmt.Errorf("realm %s was set, and still Keycloak says %s; is its image of another version, or does another program set it?", name, left[0])
		}
		done = append(done, found...)
	}
	return done, nil
}

// session is the service account, logged in for a minute.
type session struct {
	*Realm
	api *admin.Client
}

// open logs in. Tokens are short-lived, and do not outlive a new address of the
// realm; and each login is remembered, so there are as few as that allows.
func (r *Realm) open(ctx context.Context) (*session, error) {
	api, err := admin.Open(ctx, r.keycloak, callTimeout)
	if err != nil {
		return nil, r.failed(fmt.Sprintf("log in as %s", r.keycloak.Provider.ID), err)
	}
	return &session{r, api}, nil
}

// failed says what was tried and, where it is known, what to do.
func (r *Realm) failed(what string, err error) error {
	err = fmt.Errorf("realm %s of Keycloak at %s: %s: %w", name, r.keycloak.AdminURL, what, err)
	switch admin.Status(err) {
	case 0:
		return fmt.Errorf("%w; is the stack up? `mlflow-sso up` starts what has ended", err)
	case http.StatusUnauthorized:
		return fmt.Errorf("%w; Keycloak does not know this stack's service account: an update that was rotating its secret was interrupted, and `pulumi up` or `mlflow-sso up` completes it; or its database was created with another root secret", err)
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
