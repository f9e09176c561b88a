package login

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// checkAnonymous checks the responses to a client without credentials.
func (p *proof) checkAnonymous(ctx context.Context) (string, error) {
	b := p.NewBrowser()
	if err := p.ExpectSearch(ctx, b, nil, http.StatusUnauthorized, "by an anonymous client"); err != nil {
		return "", err
	}
	page, err := b.Fetch(ctx, http.MethodGet, p.Stack.MLflow.URL+scenario.CurrentUserPath, nil, nil)
	if err != nil {
		return "", err
	}
	if err := scenario.ExpectStatus(page.Status, http.StatusUnauthorized, "the profile of an anonymous client"); err != nil {
		return "", err
	}
	return "the API answers an anonymous client with 401", nil
}

func (p *proof) checkLoginAdmin(ctx context.Context) (string, error) {
	if err := p.SignIn(ctx, p.Admin); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %s, is an administrator", p.Admin.Username, p.Admin.Group), nil
}

func (p *proof) checkLoginMember(ctx context.Context) (string, error) {
	if err := p.SignIn(ctx, p.Member); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %s, is a member and no administrator", p.Member.Username, p.Member.Group), nil
}

// checkLoginOutsider checks that a user without a group passes Keycloak and is refused by MLflow.
func (p *proof) checkLoginOutsider(ctx context.Context) (string, error) {
	b := p.NewBrowser()
	form, _, err := p.OpenLogin(ctx, b)
	if err != nil {
		return "", err
	}
	out, err := p.Enter(ctx, b, form, p.outsider)
	if err != nil {
		return "", err
	}
	if err := judgeOutsider(out); err != nil {
		return "", err
	}
	if err := p.ExpectSearch(ctx, b, nil, http.StatusUnauthorized, "by the outsider"); err != nil {
		return "", err
	}
	return fmt.Sprintf("Keycloak accepts %s, and MLflow says %q", p.outsider.Username, out.Refusal), nil
}

// judgeOutsider requires that Keycloak accepted the user and MLflow refused, for the right
// reason.
func judgeOutsider(out scenario.LoginOutcome) error {
	wanted := "the redirect from Keycloak and MLflow's refusal"
	switch {
	case !out.Returned:
		return check.Mismatch(scenario.Describe(out.Page), wanted)
	case !strings.Contains(out.Refusal, "not allowed"):
		return check.Mismatch(fmt.Sprintf("%s and the error %q", scenario.Describe(out.Page), out.Refusal), wanted)
	}
	return nil
}

// checkWrongPassword enters a wrong password once, then the correct one.
func (p *proof) checkWrongPassword(ctx context.Context) (string, error) {
	b := p.NewBrowser()
	form, _, err := p.OpenLogin(ctx, b)
	if err != nil {
		return "", err
	}
	out, err := p.Submit(ctx, b, form, p.Member.Username, "not-"+rand.Text())
	if err != nil {
		return "", err
	}
	if out.Returned || !scenario.At(out.Page.URL, p.Stack.Keycloak.URL, "") {
		return "", check.Mismatch(scenario.Describe(out.Page)+" after a wrong password", "Keycloak's form again")
	}
	if _, err := scenario.LoginForm(out.Page); err != nil {
		return "", fmt.Errorf("after a wrong password: %w", err)
	}
	said := out.Page.TextOf("input-error")
	if err := p.ExpectSearch(ctx, b, nil, http.StatusUnauthorized, "after a wrong password"); err != nil {
		return "", err
	}
	// The correct password in the same form is the control; it also resets Keycloak's failure
	// count.
	out, err = p.Enter(ctx, b, out.Page, p.Member)
	if err != nil {
		return "", err
	}
	if err := scenario.ExpectArrival(out, b, p.Stack.MLflow.URL); err != nil {
		return "", fmt.Errorf("control, the correct password: %w", err)
	}
	return fmt.Sprintf("Keycloak says %q, and accepts the correct one", said), p.SignOut(ctx, b)
}

// checkAdminRoute requests the list of all users.
func (p *proof) checkAdminRoute(ctx context.Context) (string, error) {
	for _, who := range []struct {
		*scenario.Person
		wanted int
	}{{p.Admin, http.StatusOK}, {p.Member, http.StatusForbidden}} {
		page, err := who.Browser.Fetch(ctx, http.MethodGet, p.Stack.MLflow.URL+adminPath, nil, nil)
		if err != nil {
			return "", err
		}
		if err := scenario.ExpectStatus(page.Status, who.wanted, "the list of all users, requested by "+who.Username); err != nil {
			return "", err
		}
	}
	return "only the administrator may list all users; the member gets 403", nil
}

// checkLogout logs the member out while another client has a copy of the cookie.
func (p *proof) checkLogout(ctx context.Context) (string, error) {
	b := p.Member.Browser
	site, err := url.Parse(p.Stack.MLflow.URL)
	if err != nil {
		return "", fmt.Errorf("the stack's address of MLflow: %w", err)
	}
	thief := b.Copy(site)
	defer thief.Close()
	if err := p.ExpectSearch(ctx, thief, nil, http.StatusOK, "with a copied cookie before the logout"); err != nil {
		return "", fmt.Errorf("control: %w", err)
	}
	if err := p.LogOut(ctx, p.Member); err != nil {
		return "", err
	}
	if err := p.ExpectSearch(ctx, thief, nil, http.StatusUnauthorized, "with a copied cookie after the logout"); err != nil {
		return "", err
	}
	page, _, err := p.OpenLogin(ctx, b)
	if err != nil {
		return "", fmt.Errorf("after the logout: %w", err)
	}
	if _, err := scenario.LoginForm(page); err != nil {
		return "", fmt.Errorf("after the logout: %w", err)
	}
	return "a copied cookie is refused afterwards, and Keycloak asks for the password again", nil
}
