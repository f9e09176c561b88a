// Package adminrealm configures what Keycloak creates by itself, and issues temporary
// administrator accounts.
//
// Keycloak creates realm master, and in each other realm its built-in clients and roles. The
// project's own Pulumi provider (package provider) configures them through this package, over the
// admin API and with the program's own service account: brute-force protection, session
// lifetimes, events, the users of realm master, disabled clients, the role of the identity sync,
// and rotated passwords. Reconciling is idempotent. Settings that this package does not name stay
// as an administrator set them.
//
// A temporary administrator has an expiry. The next reconciliation deletes expired ones, so a
// killed command leaves nothing behind. Users that an administrator created are never changed.
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
	// name is Keycloak's name of its administrators' realm.
	name = admin.Realm
	// callTimeout limits one call of the admin API.
	callTimeout = 30 * time.Second
)

// Difference is a deviation from the configuration in Keycloak.
type Difference struct {
	// What is a setting by Keycloak's name, or a user.
	What string
	// Got and Wanted are in Keycloak's notation.
	Got, Wanted string
}

// String returns a text such as "rememberMe: got true, want false".
func (d Difference) String() string {
	return fmt.Sprintf("%s: got %s, want %s", d.What, d.Got, d.Wanted)
}

// Part is one part of the configuration: how to compare it, and how to correct it.
type Part struct {
	compare func(*session, context.Context) ([]Difference, error)
	apply   func(*session, context.Context, []Difference) error
}

// Realm is realm master of a Keycloak, with the configuration that is applied through it.
type Realm struct {
	keycloak outputs.Keycloak
	parts    []Part
}

// New returns realm master of a running stack, with everything that the stack configures there.
// It sends no request yet.
func New(stack outputs.Stack) *Realm {
	frontend := ""
	if stack.Edge.Exists() {
		// The console logs in at the realm's own address. Behind an edge that is this host's
		// loopback address, since the edge does not expose the realm.
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
	// Settings come last: a new address of the realm ends every session, including this one.
	expiration := time.Duration(stack.Realm.EventsExpiration) * time.Second
	parts = append(parts, Settings(identity.AdminRealmSettings(expiration, frontend)))
	return Of(stack.Keycloak, parts...)
}

// Of returns realm master of a Keycloak, with parts of the configuration.
func Of(keycloak outputs.Keycloak, parts ...Part) *Realm {
	return &Realm{keycloak: keycloak, parts: parts}
}

// Differences returns what Reconcile would change, without changing it.
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

// Reconcile corrects all differences, and returns them.
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

// open logs in. Tokens are short-lived, and a new address of the realm invalidates them; and each
// login is an event, so there are as few as possible.
func (r *Realm) open(ctx context.Context) (*session, error) {
	api, err := admin.Open(ctx, r.keycloak, callTimeout)
	if err != nil {
		return nil, r.failed(fmt.Sprintf("log in as %s", r.keycloak.Provider.ID), err)
	}
	return &session{r, api}, nil
}

// failed returns an error with the operation and, if known, the next step.
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
