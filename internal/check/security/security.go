// Package security attacks a running stack of the operator's own and reports which attacks were
// not refused.
//
// It attacks only that stack: addresses come from the stack's outputs, and its transport refuses
// every other destination before it connects, including redirects. Every attack has a control:
// the same request by an authorized user succeeds, or the same search finds a planted value. If
// the control fails, the attack has shown nothing and counts as not run, which is not a success.
//
// A run creates its own users in Keycloak, logs them in, and lets them create experiments, runs,
// models and files. It removes all of this at the end, also after a failure or an interrupt;
// leftovers of a killed run are removed by the next run that starts at least an hour later.
// Objects of other users are not changed: requests that would change something name objects that
// do not exist or that the run created. No report contains a secret.
package security

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// attack is one attempt.
type attack struct {
	name check.ID
	// tries is what it attempts, control what shows that it works, defence what must prevent it.
	// They are sentences of the documentation.
	tries, control, defence string
	// next is what an operator does if it succeeds.
	next  string
	needs []check.ID
	// within is the attack's own time limit, if it needs more time than others.
	within time.Duration
	run    func(context.Context) (string, error)
}

const (
	prepare check.ID = "prepare"
	cleanup check.ID = "cleanup"
	// attackTimeout limits an attack without its own limit.
	attackTimeout = 90 * time.Second
	// namePrefix is the prefix of every client, experiment and model of a run; the second of its
	// creation follows.
	namePrefix = "mlflow-sso-attack-"
)

// suite is the shared state of one run's attacks.
type suite struct {
	stack  outputs.Stack
	docker *engine.Engine
	guard  *guard
	visit  *scenario.Scenario
	// client sends single requests that no browser would send.
	client *http.Client

	// admin is an administrator; owner has objects; thief, another member, wants them.
	admin, owner, thief *scenario.Person
	// ownerToken and thiefToken are access tokens.
	ownerToken, thiefToken string
	mints                  []*tokenClient
	// names are the names of all objects created in MLflow.
	names                    []string
	ownerThings, thiefThings *fixtures
	// used is the last step of a completed login, with its code and state.
	used string
	// secrets are values that must not leak.
	secrets []secret
	images  *search
	// asked is the catalogue of MLflow's application.
	asked *catalogueSearch
}

func newCampaign(stack outputs.Stack, docker *engine.Engine) (*suite, error) {
	g, err := newGuard(stack)
	if err != nil {
		return nil, err
	}
	c := &suite{stack: stack, docker: docker, guard: g}
	c.visit = scenario.New(stack, docker, g.apply)
	return c, nil
}

// attacks are in order: those that end sessions come last.
func (c *suite) attacks() []attack {
	var all []attack
	for _, family := range [][]attack{
		c.tokens(), c.services(), c.routes(), c.neighbours(), c.files(), c.members(), c.tracePlaces(), c.headers(),
		c.crossOrigin(), c.outgoing(), c.limits(), c.logins(), c.realmLogins(), c.surroundings(), c.generated(), c.sessions(),
	} {
		all = append(all, family...)
	}
	return all
}

// checks are the attacks between preparation and cleanup.
func (c *suite) checks() []check.Check {
	all := []check.Check{{
		ID: prepare, About: rules[prepare].Attack, Run: check.Proves(c.prepare), Next: "`mlflow-sso verify` says what is wrong with logins",
	}}
	for _, a := range c.attacks() {
		all = append(all, check.Check{
			ID: a.name, About: a.tries, Needs: append([]check.ID{prepare}, a.needs...), Next: a.next, Timeout: a.within, Run: check.Proves(a.run),
		})
	}
	return append(all, check.Check{
		ID: cleanup, About: rules[cleanup].Attack, Run: check.Proves(c.cleanup), Always: true,
		Next: "remove manually what is named above; users are in Keycloak's console, their names begin with " + scenario.TemporaryPrefix,
	})
}

// Suite returns the suite of a stack.
func Suite(stack outputs.Stack) check.Suite { return (&suite{stack: stack}).suite() }

func (c *suite) suite() check.Suite {
	s := c.stack
	return check.Suite{
		Name:   "security-test",
		Title:  fmt.Sprintf("%s: attacks on %s and %s", s.Deployment, s.MLflow.URL, s.Keycloak.URL),
		Checks: c.checks(), Timeout: attackTimeout, Places: scenario.Places(s),
	}
}

// rules describe the steps that are not attacks.
var rules = map[check.ID]report.Rule{
	prepare: {Attack: "creates its own users and objects", Mitigation: "the stack works"},
	cleanup: {Attack: "removes all objects of the run", Mitigation: "nothing is left behind"},
}

// Rules returns the description of each step.
func Rules(stack outputs.Stack) map[check.ID]report.Rule {
	all := maps.Clone(rules)
	for _, a := range (&suite{stack: stack}).attacks() {
		all[a.name] = report.Rule{Attack: a.tries, Mitigation: a.defence}
	}
	return all
}

// Run performs every attack once. When ctx ends, the remaining attacks do not run; the cleanup
// runs anyway.
func Run(ctx context.Context, stack outputs.Stack, docker *engine.Engine, observer check.Observer) (check.Report, error) {
	c, err := newCampaign(stack, docker)
	if err != nil {
		return check.Report{}, err
	}
	return c.suite().Run(ctx, observer), nil
}

// prepare creates the users and logs them in.
func (c *suite) prepare(ctx context.Context) (string, error) {
	if err := c.visit.SetUp(ctx); err != nil {
		return "", err
	}
	c.client = c.visit.Edge().HTTP()
	c.guard.apply(c.client, nil)
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if err := c.removeStaleMints(ctx); err != nil {
		return "", err
	}
	for _, who := range []struct {
		into        **scenario.Person
		role, group string
	}{
		{&c.admin, "admin", c.stack.Realm.AdminGroup}, {&c.owner, "owner", c.stack.Realm.UserGroup}, {&c.thief, "thief", c.stack.Realm.UserGroup},
	} {
		made, err := c.visit.Add(ctx, who.role, who.group)
		if err != nil {
			return "", err
		}
		if err := c.visit.SignIn(ctx, made); err != nil {
			return "", fmt.Errorf("log in the %s of this run: %w", who.role, err)
		}
		*who.into = made
	}
	c.visit.Admin, c.visit.Member = c.admin, c.thief
	var err error
	if c.ownerToken, err = c.visit.Token(ctx, c.owner); err != nil {
		return "", err
	}
	if c.thiefToken, err = c.visit.Token(ctx, c.thief); err != nil {
		return "", err
	}
	c.beginImages(ctx)
	c.beginCatalogue(ctx)
	return "an administrator and two members were created for this run", nil
}

func (c *suite) cleanup(ctx context.Context) (string, error) {
	c.images.end()
	c.asked.end()
	mints := len(c.mints)
	// Both take long, because they wait for a Python process that imports MLflow.
	var things int
	removed := make(chan error, 1)
	go func() {
		var err error
		things, err = c.removeThings(ctx)
		removed <- err
	}()
	err := c.removeMints(ctx)
	said, left := c.visit.TearDown(ctx)
	err = errors.Join(err, <-removed)
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	return fmt.Sprintf("%s, %d temporary clients, %d experiments and models", said, mints-len(c.mints), things), errors.Join(err, left)
}

// anonymous is a browser without cookies.
func (c *suite) anonymous() *browser.Browser { return c.visit.NewBrowser() }

// inMLflow runs a probe in MLflow's container and reads its response.
func (c *suite) inMLflow(ctx context.Context, which probe.Probe, stdin string, into any, arguments ...string) error {
	said, err := which.Run(ctx, c.docker, c.stack.MLflow.Container, []byte(stdin), arguments...)
	if err != nil {
		return err
	}
	if json.Unmarshal(said, into) != nil {
		return fmt.Errorf("the answer of probe %s is not the wanted JSON", which)
	}
	return nil
}

// stamped returns a name of this run, with the second of its creation.
func stamped() string {
	return fmt.Sprintf("%s%d-%s", namePrefix, time.Now().Unix(), strings.ToLower(rand.Text()[:8]))
}

// newContainer returns a name for a container of this run.
func (c *suite) newContainer() string {
	return naming.Container(c.stack.Deployment, "attack-"+strings.ToLower(rand.Text()[:6]))
}
