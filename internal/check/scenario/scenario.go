// Package scenario gives checks a session on a running stack with temporary users: they log in as
// a browser does, get tokens, and have sessions that must end. Several suites of checks use it,
// and it has the checks that two suites share.
//
// A scenario leaves nothing behind: it ends its sessions and deletes the users that it created,
// also after a failure or an interrupt. No result contains a secret.
package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Scenario is the state that the checks of one run share. [Scenario.TearDown] reverts everything
// it created.
type Scenario struct {
	Stack  outputs.Stack
	Docker *engine.Engine

	// Admin and Member are the users for the checks that suites share.
	Admin, Member *Person

	// front connects to the public addresses; nil before [Scenario.Connect].
	front *edgeclient.Client
	// temporary is set if users were created for this run, whose name is run.
	temporary *temporaryPeople
	run       string

	// public is the discovery document for a browser.
	public Discovery
	// authorize is MLflow's authorization request at a login.
	authorize url.Values

	// options are every browser's options, in addition to the connection to the public addresses.
	options []browser.Option
	// browsers are all opened browsers, sessions those with a Keycloak session.
	browsers, sessions []*browser.Browser
}

// New prepares a scenario; every browser in it gets the options.
func New(stack outputs.Stack, docker *engine.Engine, options ...browser.Option) *Scenario {
	return &Scenario{Stack: stack, Docker: docker, options: options, run: strings.ToLower(rand.Text()[:10])}
}

// SetUp connects to the stack, records how a login starts, and deletes the users of earlier runs
// that were killed.
func (s *Scenario) SetUp(ctx context.Context) error {
	if err := s.Connect(ctx); err != nil {
		return err
	}
	for _, prepare := range []func(context.Context) (string, error){s.CheckDiscovery, s.CheckLoginRequest} {
		if _, err := prepare(ctx); err != nil {
			return err
		}
	}
	return s.RemoveStale(ctx)
}

// Connect finds the connection to the stack's public addresses.
func (s *Scenario) Connect(ctx context.Context) (err error) {
	s.front, err = edgeclient.Open(ctx, s.Stack, s.Docker)
	return err
}

// Edge returns that connection, once the scenario is connected.
func (s *Scenario) Edge() *edgeclient.Client { return s.front }

// NewBrowser opens a browser without cookies, which Close closes.
func (s *Scenario) NewBrowser() *browser.Browser {
	var options []browser.Option
	if s.front != nil {
		options = append(options, s.front.ViaEdge)
	}
	b := browser.New(append(options, s.options...)...)
	s.browsers = append(s.browsers, b)
	return b
}

// Close closes every browser.
func (s *Scenario) Close() {
	for _, b := range s.browsers {
		b.Close()
	}
}

// Add creates a user who can log in; role is the end of the user name.
func (s *Scenario) Add(ctx context.Context, role, group string) (*Person, error) {
	username := TemporaryPrefix + s.run + "-" + role
	// The suffix satisfies policies that require every kind of character.
	who := &Person{Username: username, Email: username + "@example.com", password: random() + "aA1!", Group: group}
	if err := s.temporaryUsers().add(ctx, who); err != nil {
		return nil, err
	}
	return who, nil
}

// RemoveStale deletes the users of earlier runs that were killed.
func (s *Scenario) RemoveStale(ctx context.Context) error { return s.temporaryUsers().removeStale(ctx) }

func (s *Scenario) temporaryUsers() *temporaryPeople {
	if s.temporary == nil {
		s.temporary = &temporaryPeople{stack: s.Stack, docker: s.Docker}
	}
	return s.temporary
}

// CheckCleanup ends the remaining sessions and deletes the users created for this run.
func (s *Scenario) CheckCleanup(ctx context.Context) (string, error) {
	var errs []error
	left := len(s.sessions)
	for _, b := range slices.Clone(s.sessions) {
		errs = append(errs, s.SignOut(ctx, b))
	}
	said := fmt.Sprintf("%d sessions ended", left-len(s.sessions))
	if s.temporary != nil {
		people, err := s.temporary.remove(ctx)
		errs = append(errs, err)
		said += fmt.Sprintf(", %d temporary users deleted", people)
	}
	return said, errors.Join(errs...)
}

// TearDown ends the sessions, deletes the users and closes the browsers.
func (s *Scenario) TearDown(ctx context.Context) (string, error) {
	defer s.Close()
	return s.CheckCleanup(ctx)
}

// RedirectURI returns the redirect URI of MLflow's own login.
func (s *Scenario) RedirectURI() string { return s.authorize.Get("redirect_uri") }

// Authorization returns Keycloak's authorization endpoint.
func (s *Scenario) Authorization() string { return s.public.Authorization }

// EndSession returns Keycloak's logout endpoint.
func (s *Scenario) EndSession() string { return s.public.EndSession }

// Keys returns the address of the realm's keys.
func (s *Scenario) Keys() string { return s.public.Keys }

// HTTP returns an HTTP client with the browsers' connection.
func (s *Scenario) HTTP() *http.Client {
	if s.front == nil {
		return http.DefaultClient
	}
	return s.front.HTTP()
}

// Places maps placeholders such as {mlflow} in next steps to container names.
func Places(stack outputs.Stack) *strings.Replacer {
	return strings.NewReplacer("{mlflow}", stack.MLflow.Container, "{keycloak}", stack.Keycloak.Container,
		"{postgres}", stack.Postgres.Container, "{redis}", stack.Redis.Container, "{keeper}", stack.IdentitySync.Container, "{edge}", stack.Edge.Container)
}
