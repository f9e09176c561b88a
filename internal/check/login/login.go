package login

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
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// person is somebody who can log in at Keycloak.
type person struct {
	username, email, password, group string
	// browser is where the person is signed in; nil before that.
	browser *browser.Browser
}

// outcome is how a login ended in the browser.
type outcome struct {
	page *browser.Page
	// returned says that Keycloak was content and sent the browser back.
	returned bool
	// refusal is what MLflow says to somebody whom it does not let in.
	refusal string
}

// submit types name and password into Keycloak's form and sees where it leads.
func (p *proof) submit(ctx context.Context, b *browser.Browser, page *browser.Page, username, password string) (outcome, error) {
	form, err := loginForm(page)
	if err != nil {
		return outcome{}, err
	}
	if err := errors.Join(form.Set("username", username), form.Set("password", password)); err != nil {
		return outcome{}, err
	}
	page, err = b.Submit(ctx, form)
	if err != nil {
		return outcome{}, fmt.Errorf("send the login form: %w", err)
	}
	out := outcome{page: page}
	out.returned = page.Through(func(u *url.URL) bool {
		return browser.Bare(u) == p.authorize.Get("redirect_uri") && u.Query().Has("code")
	}) != nil
	if out.returned {
		// Whatever MLflow makes of it, there is a session now that has to end.
		p.sessions = append(p.sessions, b)
	}
	if at(page.URL, p.stack.MLflow.URL, refusedPath) {
		out.refusal = page.URL.Query().Get("error")
	}
	return out, nil
}

// secondTry is how long a person takes to type a password again.
const secondTry = 2 * time.Second

// enter types the right password. Keycloak refuses it for an instant while it
// still books another login of the same person, in the words for a wrong one; so
// it is typed a second time, as anybody would.
func (p *proof) enter(ctx context.Context, b *browser.Browser, page *browser.Page, who *person) (outcome, error) {
	out, err := p.submit(ctx, b, page, who.username, who.password)
	if err != nil || out.returned || out.page.FormWith("username", "password") == nil {
		return out, err
	}
	if err := poll.Pause(ctx, secondTry); err != nil {
		return out, err
	}
	return p.submit(ctx, b, out.page, who.username, who.password)
}

// judgeArrival demands that a login ended in MLflow.
func judgeArrival(out outcome, b *browser.Browser, site string) error {
	wanted := "MLflow's own page"
	switch {
	case out.refusal != "":
		return differs(fmt.Sprintf("MLflow's refusal %q", out.refusal), wanted)
	case out.returned && at(out.page.URL, site, "") && out.page.Status == http.StatusOK:
		return nil
	}
	got := describe(out.page)
	if refused := b.Refused(); len(refused) > 0 {
		got += "; the browser refused " + strings.Join(refused, ", ")
	}
	return differs(got, wanted)
}

// profile is what MLflow tells somebody about themselves.
type profile struct {
	Username string `json:"username"`
	IsAdmin  bool   `json:"is_admin"`
	Groups   []struct {
		Name string `json:"group_name"`
	} `json:"groups"`
}

// judgeProfile demands the person, the one group, and what follows from it.
func judgeProfile(got profile, who *person, admin bool) error {
	if !strings.EqualFold(got.Username, who.email) {
		return differs(fmt.Sprintf("user %q", got.Username), fmt.Sprintf("%q", strings.ToLower(who.email)))
	}
	if got.IsAdmin != admin {
		return differs(fmt.Sprintf("is_admin %t for %s", got.IsAdmin, who.username), fmt.Sprint(admin))
	}
	names := make([]string, len(got.Groups))
	for i, group := range got.Groups {
		names[i] = group.Name
	}
	if !slices.Equal(names, []string{who.group}) {
		return differs(fmt.Sprintf("groups %q for %s", names, who.username), fmt.Sprintf("%q", []string{who.group}))
	}
	return nil
}

// signIn logs a person in and looks at the session from the API's side.
func (p *proof) signIn(ctx context.Context, who *person, admin bool) error {
	b := p.newBrowser()
	if err := p.expectSearch(ctx, b, nil, http.StatusUnauthorized, "before the login"); err != nil {
		return err
	}
	form, _, err := p.openLogin(ctx, b)
	if err != nil {
		return err
	}
	out, err := p.enter(ctx, b, form, who)
	if err != nil {
		return err
	}
	if err := judgeArrival(out, b, p.stack.MLflow.URL); err != nil {
		return err
	}
	who.browser = b
	if err := p.expectSearch(ctx, b, nil, http.StatusOK, "after the login"); err != nil {
		return err
	}
	page, err := b.Fetch(ctx, http.MethodGet, p.stack.MLflow.URL+currentUserPath, nil, nil)
	if err != nil {
		return err
	}
	if err := judgeStatus(page.Status, http.StatusOK, "the profile of "+who.username); err != nil {
		return err
	}
	var seen profile
	if err := page.JSON(&seen); err != nil {
		return err
	}
	return judgeProfile(seen, who, admin)
}

func (p *proof) checkLoginAdmin(ctx context.Context) (string, error) {
	if err := p.signIn(ctx, p.admin, true); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %s, is an administrator", p.admin.username, p.admin.group), nil
}

func (p *proof) checkLoginMember(ctx context.Context) (string, error) {
	if err := p.signIn(ctx, p.member, false); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %s, is a member and no administrator", p.member.username, p.member.group), nil
}

// checkLoginOutsider sees somebody pass Keycloak and fail at MLflow.
func (p *proof) checkLoginOutsider(ctx context.Context) (string, error) {
	b := p.newBrowser()
	form, _, err := p.openLogin(ctx, b)
	if err != nil {
		return "", err
	}
	out, err := p.enter(ctx, b, form, p.outsider)
	if err != nil {
		return "", err
	}
	if err := judgeOutsider(out); err != nil {
		return "", err
	}
	if err := p.expectSearch(ctx, b, nil, http.StatusUnauthorized, "by the outsider"); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s passes Keycloak and MLflow says %q", p.outsider.username, out.refusal), nil
}

// judgeOutsider demands that Keycloak was content and MLflow was not, for the
// reason that counts.
func judgeOutsider(out outcome) error {
	wanted := "the way back from Keycloak and MLflow's refusal"
	switch {
	case !out.returned:
		return differs(describe(out.page), wanted)
	case !strings.Contains(out.refusal, "not allowed"):
		return differs(fmt.Sprintf("%s and the error %q", describe(out.page), out.refusal), wanted)
	}
	return nil
}

// checkWrongPassword mistypes a password once, then types the right one.
func (p *proof) checkWrongPassword(ctx context.Context) (string, error) {
	b := p.newBrowser()
	form, _, err := p.openLogin(ctx, b)
	if err != nil {
		return "", err
	}
	out, err := p.submit(ctx, b, form, p.member.username, "not-"+random())
	if err != nil {
		return "", err
	}
	if out.returned || !at(out.page.URL, p.stack.Keycloak.URL, "") {
		return "", differs(describe(out.page)+" after a wrong password", "Keycloak's form again")
	}
	if _, err := loginForm(out.page); err != nil {
		return "", fmt.Errorf("after a wrong password: %w", err)
	}
	said := out.page.TextOf("input-error")
	if err := p.expectSearch(ctx, b, nil, http.StatusUnauthorized, "after a wrong password"); err != nil {
		return "", err
	}
	// The right password in the same form is the control; it also sets Keycloak's
	// count of failures back.
	out, err = p.enter(ctx, b, out.page, p.member)
	if err != nil {
		return "", err
	}
	if err := judgeArrival(out, b, p.stack.MLflow.URL); err != nil {
		return "", fmt.Errorf("control, the right password: %w", err)
	}
	return fmt.Sprintf("Keycloak says %q and takes the right one", said), p.signOut(ctx, b)
}

// checkAdminRoute asks for the list of all people.
func (p *proof) checkAdminRoute(ctx context.Context) (string, error) {
	for _, who := range []struct {
		*person
		wanted int
	}{{p.admin, http.StatusOK}, {p.member, http.StatusForbidden}} {
		page, err := who.browser.Fetch(ctx, http.MethodGet, p.stack.MLflow.URL+adminPath, nil, nil)
		if err != nil {
			return "", err
		}
		if err := judgeStatus(page.Status, who.wanted, "the list of all people, asked for by "+who.username); err != nil {
			return "", err
		}
	}
	return "only the administrator may list all people; the member gets 403", nil
}
