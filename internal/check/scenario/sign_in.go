package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// LoginOutcome is the result of a login in the browser.
type LoginOutcome struct {
	Page *browser.Page
	// Returned reports that Keycloak accepted the login and redirected the browser back.
	Returned bool
	// Refusal is MLflow's message to a user without access.
	Refusal string
}

// Submit enters name and password into Keycloak's form and returns the result.
func (s *Scenario) Submit(ctx context.Context, b *browser.Browser, page *browser.Page, username, password string) (LoginOutcome, error) {
	form, err := LoginForm(page)
	if err != nil {
		return LoginOutcome{}, err
	}
	if err := errors.Join(form.Set("username", username), form.Set("password", password)); err != nil {
		return LoginOutcome{}, err
	}
	page, err = b.Submit(ctx, form)
	if err != nil {
		return LoginOutcome{}, fmt.Errorf("send the login form: %w", err)
	}
	out := LoginOutcome{Page: page}
	out.Returned = page.Through(func(u *url.URL) bool {
		return browser.Bare(u) == s.authorize.Get("redirect_uri") && u.Query().Has("code")
	}) != nil
	if out.Returned {
		// Whatever MLflow responds, there is a session now that must be ended.
		s.sessions = append(s.sessions, b)
	}
	if At(page.URL, s.Stack.MLflow.URL, RefusedPath) {
		out.Refusal = page.URL.Query().Get("error")
	}
	return out, nil
}

// secondTry is the delay before the password is entered again.
const secondTry = 2 * time.Second

// Enter enters the correct password. For an instant, while Keycloak still records another login
// of the same user, it refuses the password as wrong; so Enter retries once, as a user would.
func (s *Scenario) Enter(ctx context.Context, b *browser.Browser, page *browser.Page, who *Person) (LoginOutcome, error) {
	out, err := s.Submit(ctx, b, page, who.Username, who.password)
	if err != nil || out.Returned || out.Page.FormWith("username", "password") == nil {
		return out, err
	}
	if err := poll.Pause(ctx, secondTry); err != nil {
		return out, err
	}
	return s.Submit(ctx, b, out.Page, who.Username, who.password)
}

// ExpectArrival requires that a login ended in MLflow.
func ExpectArrival(out LoginOutcome, b *browser.Browser, site string) error {
	wanted := "MLflow's own page"
	switch {
	case out.Refusal != "":
		return check.Mismatch(fmt.Sprintf("MLflow's refusal %q", out.Refusal), wanted)
	case out.Returned && At(out.Page.URL, site, "") && out.Page.Status == http.StatusOK:
		return nil
	}
	got := Describe(out.Page)
	if refused := b.Refused(); len(refused) > 0 {
		got += "; the browser refused " + strings.Join(refused, ", ")
	}
	return check.Mismatch(got, wanted)
}

// profile is MLflow's description of the current user.
type profile struct {
	Username string `json:"username"`
	IsAdmin  bool   `json:"is_admin"`
	Groups   []struct {
		Name string `json:"group_name"`
	} `json:"groups"`
}

// judgeProfile requires the user, the one group, and the resulting role.
func judgeProfile(got profile, who *Person, admin bool) error {
	if !strings.EqualFold(got.Username, who.Email) {
		return check.Mismatch(fmt.Sprintf("user %q", got.Username), fmt.Sprintf("%q", strings.ToLower(who.Email)))
	}
	if got.IsAdmin != admin {
		return check.Mismatch(fmt.Sprintf("is_admin %t for %s", got.IsAdmin, who.Username), fmt.Sprint(admin))
	}
	names := make([]string, len(got.Groups))
	for i, group := range got.Groups {
		names[i] = group.Name
	}
	if !slices.Equal(names, []string{who.Group}) {
		return check.Mismatch(fmt.Sprintf("groups %q for %s", names, who.Username), fmt.Sprintf("%q", []string{who.Group}))
	}
	return nil
}

// SignIn logs a user in as a browser does, and checks that MLflow identifies the user.
func (s *Scenario) SignIn(ctx context.Context, who *Person) error {
	b := s.NewBrowser()
	if err := s.ExpectSearch(ctx, b, nil, http.StatusUnauthorized, "before the login"); err != nil {
		return err
	}
	form, _, err := s.OpenLogin(ctx, b)
	if err != nil {
		return err
	}
	out, err := s.Enter(ctx, b, form, who)
	if err != nil {
		return err
	}
	if err := ExpectArrival(out, b, s.Stack.MLflow.URL); err != nil {
		return err
	}
	who.Browser = b
	if err := s.ExpectSearch(ctx, b, nil, http.StatusOK, "after the login"); err != nil {
		return err
	}
	page, err := b.Fetch(ctx, http.MethodGet, s.Stack.MLflow.URL+CurrentUserPath, nil, nil)
	if err != nil {
		return err
	}
	if err := ExpectStatus(page.Status, http.StatusOK, "the profile of "+who.Username); err != nil {
		return err
	}
	var seen profile
	if err := page.JSON(&seen); err != nil {
		return err
	}
	return judgeProfile(seen, who, who.Group == s.Stack.Realm.AdminGroup)
}

// OpenLogin opens MLflow in b and follows it to Keycloak's form. It returns the form's page and
// MLflow's request.
func (s *Scenario) OpenLogin(ctx context.Context, b *browser.Browser) (*browser.Page, url.Values, error) {
	page, err := b.Open(ctx, s.Stack.MLflow.URL+"/")
	if err != nil {
		return nil, nil, fmt.Errorf("open MLflow: %w", err)
	}
	hop := page.Through(func(u *url.URL) bool { return browser.Bare(u) == s.public.Authorization })
	if hop == nil {
		return nil, nil, check.Mismatch(Describe(page), "a redirect to "+s.public.Authorization)
	}
	return page, hop.Location.Query(), nil
}

// LoginForm returns the form with a name and a password; without one the page is not a login
// page.
func LoginForm(page *browser.Page) (*browser.Form, error) {
	form := page.FormWith("username", "password")
	if form == nil {
		return nil, check.Mismatch(Describe(page), "a form with a user name and a password")
	}
	return form, nil
}

// CanLogIn reports whether the user, with the correct password, can currently log in to MLflow. A
// refusal by either side is not an error.
func (s *Scenario) CanLogIn(ctx context.Context, who *Person) (bool, error) {
	b := s.NewBrowser()
	form, _, err := s.OpenLogin(ctx, b)
	if err != nil {
		return false, err
	}
	out, err := s.Submit(ctx, b, form, who.Username, who.password)
	if err != nil {
		return false, err
	}
	status, err := s.Search(ctx, b, nil)
	if err != nil {
		return false, err
	}
	return out.Refusal == "" && status == http.StatusOK, nil
}

// PrepareLogin opens the form for a user, and returns a function that submits it and reports
// whether Keycloak accepted the login.
func (s *Scenario) PrepareLogin(ctx context.Context, username, password string) (func(context.Context) (bool, error), error) {
	b := s.NewBrowser()
	form, _, err := s.OpenLogin(ctx, b)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bool, error) {
		out, err := s.Submit(ctx, b, form, username, password)
		return out.Returned, err
	}, nil
}
