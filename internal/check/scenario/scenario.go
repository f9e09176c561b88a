// Package scenario gives checks a session on a running stack with temporary users: they
// log in as a browser does, get tokens, and have sessions that must end. Several suites of
// checks use it, and it has the checks that two suites share.
//
// A scenario leaves nothing behind: sessions are ended, and the users that it created are
// deleted, also after a failure or an interrupt. No secret reaches a result.
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

// Scenario is what the checks of one run hand on to each other. [Scenario.TearDown] takes
// back all that it made.
type Scenario struct {
	Stack  outputs.Stack
	Docker *engine.Engine

	// Admin and Member are the users of the checks that suites share.
	Admin, Member *Person

	// front is the way to the public addresses; nil before [Scenario.Connect].
	front *edgeclient.Client
	// temporary is not nil when users were made for this run, whose name is run.
	temporary *temporaryPeople
	run       string

	// public is the discovery document as a browser gets it.
	public Discovery
	// authorize is the request that MLflow makes of Keycloak at a login.
	authorize url.Values

	// options are those of every browser, beside the way to the public addresses.
	options []browser.Option
	// browsers are all that were opened, sessions those that Keycloak knows.
	browsers, sessions []*browser.Browser
}

// New prepares a scenario; every browser of it gets the options.
func New(stack outputs.Stack, docker *engine.Engine, options ...browser.Option) *Scenario {
	return &Scenario{Stack: stack, Docker: docker, options: options, run: strings.ToLower(rand.Text()[:10])}
}

// SetUp finds the way to the stack and the way a login goes, and deletes the users of
// earlier runs that were killed.
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

// Connect finds the way to the stack's public addresses.
func (s *Scenario) Connect(ctx context.Context) (err error) {
	s.front, err = edgeclient.Open(ctx, s.Stack, s.Docker)
	return err
}

// Edge is the way to the public addresses, once the scenario is connected.
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

// Add makes a user who can log in; role is the end of the user name.
func (s *Scenario) Add(ctx context.Context, role, group string) (*Person, error) {
	username := TemporaryPrefix + s.run + "-" + role
	// The end satisfies policies that demand every kind of character.
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

// CheckCleanup ends every session that is left and deletes the users that were made
// for this run.
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

// RedirectURI is where MLflow's own login lets Keycloak send a browser.
func (s *Scenario) RedirectURI() string { return s.authorize.Get("redirect_uri") }

// Authorization is Keycloak's address at which a login begins.
func (s *Scenario) Authorization() string { return s.public.Authorization }

// EndSession is Keycloak's address to log out at.
func (s *Scenario) EndSession() string { return s.public.EndSession }

// Keys is where Keycloak publishes the keys of the realm.
func (s *Scenario) Keys() string { return s.public.Keys }

// HTTP is an HTTP client that goes the way of the browsers.
func (s *Scenario) HTTP() *http.Client {
	if s.front == nil {
		return http.DefaultClient
	}
	return s.front.HTTP()
}

// Places replaces {mlflow} and its like in next steps with the names of containers.
func Places(stack outputs.Stack) *strings.Replacer {
	return strings.NewReplacer("{mlflow}", stack.MLflow.Container, "{keycloak}", stack.Keycloak.Container,
		"{postgres}", stack.Postgres.Container, "{redis}", stack.Redis.Container, "{keeper}", stack.IdentitySync.Container, "{edge}", stack.Edge.Container)
}
