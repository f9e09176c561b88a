package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Scenario is a stay at a stack with people made for it, for who looks at the stack
// in other ways than the login proof. Leave takes back all that it made.
type Scenario struct {
	p   *proof
	run string
}

// Person is somebody who was made for a visit.
type Person struct {
	*person
	// ID is theirs in Keycloak.
	ID string
}

// Email is the name by which MLflow knows the person.
func (w *Person) Email() string { return w.email }

// Browser is where the person is signed in; nil before that.
func (w *Person) Browser() *browser.Browser { return w.browser }

// Login is what the person types into Keycloak's form; never print it.
func (w *Person) Login() outputs.Login {
	return outputs.Login{Username: w.username, Password: w.password}
}

// NewScenario prepares a visit; every browser of it gets the options.
func NewScenario(stack outputs.Stack, docker *engine.Engine, options ...browser.Option) *Scenario {
	p := newProof(stack, docker)
	p.options = options
	p.temporary = &temporaryPeople{stack: stack, docker: docker}
	return &Scenario{p: p, run: strings.ToLower(rand.Text()[:10])}
}

// SetUp finds the way to the stack and the way a login goes, and takes up what a
// visit left behind that was killed.
func (v *Scenario) SetUp(ctx context.Context) (err error) {
	if v.p.front, err = edgeclient.Open(ctx, v.p.stack, v.p.docker); err != nil {
		return err
	}
	for _, prepare := range []func(context.Context) (string, error){v.p.checkDiscovery, v.p.checkLoginRequest} {
		if _, err := prepare(ctx); err != nil {
			return err
		}
	}
	return v.p.temporary.removeStale(ctx)
}

// Edge is the way to the public addresses, once the visit has arrived.
func (v *Scenario) Edge() *edgeclient.Client { return v.p.front }

// Add makes a person who can log in; role is the end of the user name.
func (v *Scenario) Add(ctx context.Context, role, group string) (*Person, error) {
	username := temporaryPrefix + v.run + "-" + role
	// The end satisfies policies that demand every kind of character.
	who := &person{username: username, email: username + "@example.com", password: random() + "aA1!", group: group}
	if err := v.p.temporary.add(ctx, who); err != nil {
		return nil, err
	}
	return &Person{person: who, ID: v.p.temporary.made[len(v.p.temporary.made)-1].id}, nil
}

// DemoUser is one of the stack's demo users.
func (v *Scenario) DemoUser(user outputs.User) *Person {
	return &Person{person: &person{username: user.Username, email: user.Email, password: user.Password, group: user.Group}}
}

// SignIn logs a person in as a browser does, and sees that MLflow knows who it is.
func (v *Scenario) SignIn(ctx context.Context, who *Person) error {
	return v.p.signIn(ctx, who.person, who.group == v.p.stack.Realm.AdminGroup)
}

// SetPersonas says who the administrator and the member are in the checks that a visit
// shares with the login proof.
func (v *Scenario) SetPersonas(admin, member *Person) {
	v.p.admin, v.p.member = admin.person, member.person
}

// CanLogIn says whether the person, with the right password, gets into MLflow now. A
// refusal by either side is no error.
func (v *Scenario) CanLogIn(ctx context.Context, who *Person) (bool, error) {
	b := v.p.newBrowser()
	form, _, err := v.p.openLogin(ctx, b)
	if err != nil {
		return false, err
	}
	out, err := v.p.submit(ctx, b, form, who.username, who.password)
	if err != nil {
		return false, err
	}
	status, err := v.p.search(ctx, b, nil)
	if err != nil {
		return false, err
	}
	return out.refusal == "" && status == http.StatusOK, nil
}

// PrepareLogin opens the form for a person, and returns what sends it: whether Keycloak
// let the person through.
func (v *Scenario) PrepareLogin(ctx context.Context, username, password string) (func(context.Context) (bool, error), error) {
	b := v.p.newBrowser()
	form, _, err := v.p.openLogin(ctx, b)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bool, error) {
		out, err := v.p.submit(ctx, b, form, username, password)
		return out.returned, err
	}, nil
}

// Token is an access token of a person who is signed in.
func (v *Scenario) Token(ctx context.Context, who *Person) (string, error) {
	return v.p.accessToken(ctx, who.browser)
}

// ExchangeCodeTwice gets a code of a person who is signed in and exchanges it two
// times. The first error is of what has to work, the second of the replay.
func (v *Scenario) ExchangeCodeTwice(ctx context.Context, who *Person) (proper, replay error) {
	code, err := v.p.code(ctx, who.browser)
	if err != nil {
		return err, nil
	}
	if _, err := v.p.exchange(ctx, code); err != nil {
		return err, nil
	}
	_, err = v.p.exchange(ctx, code)
	return nil, err
}

// LogOut ends a person's session as MLflow's own button does.
func (v *Scenario) LogOut(ctx context.Context, who *Person) error { return v.p.leave(ctx, who.browser) }

// Browser is a new one without cookies.
func (v *Scenario) Browser() *browser.Browser { return v.p.newBrowser() }

// RedirectURI is where MLflow's own login lets Keycloak send a browser.
func (v *Scenario) RedirectURI() string { return v.p.authorize.Get("redirect_uri") }

// Authorization is Keycloak's address at which a login begins.
func (v *Scenario) Authorization() string { return v.p.public.Authorization }

// EndSession is Keycloak's address to log out at.
func (v *Scenario) EndSession() string { return v.p.public.EndSession }

// Keys is where Keycloak publishes the keys of the realm.
func (v *Scenario) Keys() string { return v.p.public.Keys }

// DefaultPasswords is the check of that name of the login proof.
func (v *Scenario) DefaultPasswords(ctx context.Context) (string, error) {
	return v.p.checkDefaultPasswords(ctx)
}

// RedirectURIs is the login proof's check redirect-uri.
func (v *Scenario) RedirectURIs(ctx context.Context) (string, error) {
	return v.p.checkRedirectURI(ctx)
}

// PKCE is the check of that name of the login proof.
func (v *Scenario) PKCE(ctx context.Context) (string, error) { return v.p.checkPKCE(ctx) }

// PasswordGrant is the check of that name of the login proof.
func (v *Scenario) PasswordGrant(ctx context.Context) (string, error) {
	return v.p.checkPasswordGrant(ctx)
}

// TearDown ends the sessions and deletes the people.
func (v *Scenario) TearDown(ctx context.Context) (string, error) {
	defer v.p.close()
	return v.p.checkCleanup(ctx)
}

// Step is one check of another package, with the meaning of the login proof's own.
type Step struct {
	Name  string
	Needs []string
	// Next is what a person does when it fails; {mlflow} and its like stand for containers.
	Next   string
	Always bool
	// Within bounds the step where it needs more time than others.
	Within time.Duration
	Run    func(context.Context) (string, error)
}

// Steps makes every step once, as Run does with the checks of the login proof.
func (v *Scenario) Steps(ctx context.Context, title string, steps []Step, observe func(report.Check)) report.Report {
	checks := make([]check, len(steps))
	for i, s := range steps {
		checks[i] = check{name: s.Name, needs: s.Needs, next: s.Next, always: s.Always, within: s.Within, run: s.Run}
	}
	return runAll(ctx, title, checks, v.p.containers(), observe)
}

// Mismatch is the error of a step that saw something else than it wanted. Neither
// text may hold a secret.
func Mismatch(got, wanted string) error { return differs(got, wanted) }

// NotRun is the error of a step whose control failed: it has shown nothing, so it
// counts as not run. nil stays nil.
func NotRun(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w, its control failed: %s", errNotRun, err.Error())
}

// Forge takes a signed token apart and puts it together with another header, where
// one is given, and other claims; sign makes the signature of the two parts that are
// signed.
func Forge(token string, header, change map[string]any, sign func(signed string) string) (string, error) {
	forged, err := forge(token, header, change, sameSignature)
	if err != nil {
		return "", err
	}
	signed := forged[:strings.LastIndex(forged, ".")]
	return signed + "." + sign(signed), nil
}
