package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

func basic(username, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
}

// checkLogout logs the member out while somebody else holds a copy of the cookie.
func (p *proof) checkLogout(ctx context.Context) (string, error) {
	b := p.member.browser
	site, err := url.Parse(p.stack.MLflow.URL)
	if err != nil {
		return "", fmt.Errorf("the stack's address of MLflow: %w", err)
	}
	thief := b.Copy(site)
	defer thief.Close()
	if err := p.expectSearch(ctx, thief, nil, http.StatusOK, "with a copied cookie before the logout"); err != nil {
		return "", fmt.Errorf("control: %w", err)
	}
	if err := p.leave(ctx, b); err != nil {
		return "", err
	}
	if err := p.expectSearch(ctx, thief, nil, http.StatusUnauthorized, "with a copied cookie after the logout"); err != nil {
		return "", err
	}
	page, _, err := p.openLogin(ctx, b)
	if err != nil {
		return "", fmt.Errorf("after the logout: %w", err)
	}
	if _, err := loginForm(page); err != nil {
		return "", fmt.Errorf("after the logout: %w", err)
	}
	return "a copied cookie is worth nothing afterwards, and Keycloak asks for the password again", nil
}

// leave logs out at MLflow, as its own button does, and demands that Keycloak
// hears of it.
func (p *proof) leave(ctx context.Context, b *browser.Browser) error {
	page, err := b.Open(ctx, p.stack.MLflow.URL+logoutPath)
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	if page.Through(func(u *url.URL) bool { return browser.Bare(u) == p.public.EndSession }) == nil {
		return differsNext(describe(page)+" after the logout, without a word to Keycloak", "the way over "+p.public.EndSession,
			"docker restart {mlflow} and try again: a server process that cannot read Keycloak's addresses ends only MLflow's session")
	}
	if !at(page.URL, p.stack.MLflow.URL, refusedPath) || page.Status != http.StatusOK {
		return differs(describe(page)+" after the logout", "200 at "+p.stack.MLflow.URL+refusedPath)
	}
	p.ended(b)
	return nil
}

// signOut ends what a browser has: a session at MLflow, at Keycloak, or both.
func (p *proof) signOut(ctx context.Context, b *browser.Browser) error {
	status, err := p.search(ctx, b, nil)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		if err := p.leave(ctx, b); err == nil || ctx.Err() != nil {
			return err
		}
	}
	page, err := b.Open(ctx, p.public.EndSession+"?"+url.Values{"client_id": {p.stack.Realm.ClientID}}.Encode())
	if err != nil {
		return fmt.Errorf("log out at Keycloak: %w", err)
	}
	// Without a token that proves who asks, Keycloak wants a click on a button.
	if forms := page.Forms(); len(forms) > 0 {
		if page, err = b.Submit(ctx, forms[0]); err != nil {
			return fmt.Errorf("log out at Keycloak: %w", err)
		}
	}
	if page.Status != http.StatusOK {
		return differs(describe(page)+" after the logout at Keycloak", "200")
	}
	p.ended(b)
	return nil
}

func (p *proof) ended(b *browser.Browser) {
	p.sessions = slices.DeleteFunc(p.sessions, func(other *browser.Browser) bool { return other == b })
}

// checkCleanup ends every session that is left and deletes the people that were
// made for this run.
func (p *proof) checkCleanup(ctx context.Context) (string, error) {
	var errs []error
	left := len(p.sessions)
	for _, b := range slices.Clone(p.sessions) {
		errs = append(errs, p.signOut(ctx, b))
	}
	said := fmt.Sprintf("%d sessions ended", left-len(p.sessions))
	if p.temporary != nil {
		people, err := p.temporary.remove(ctx)
		errs = append(errs, err)
		said += fmt.Sprintf(", %d temporary people deleted", people)
	}
	return said, errors.Join(errs...)
}
