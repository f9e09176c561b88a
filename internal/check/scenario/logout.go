package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// LogOut ends a user's session like MLflow's own button.
func (s *Scenario) LogOut(ctx context.Context, who *Person) error { return s.leave(ctx, who.Browser) }

// leave logs out of MLflow, and requires that Keycloak ends its session, too.
func (s *Scenario) leave(ctx context.Context, b *browser.Browser) error {
	page, err := b.Open(ctx, s.Stack.MLflow.URL+LogoutPath)
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	if page.Through(func(u *url.URL) bool { return browser.Bare(u) == s.public.EndSession }) == nil {
		return check.MismatchNext(Describe(page)+" after the logout, without a redirect to Keycloak", "the way over "+s.public.EndSession,
			"docker restart {mlflow} and try again: a server process that cannot read Keycloak's addresses ends only MLflow's session")
	}
	if !At(page.URL, s.Stack.MLflow.URL, RefusedPath) || page.Status != http.StatusOK {
		return check.Mismatch(Describe(page)+" after the logout", "200 at "+s.Stack.MLflow.URL+RefusedPath)
	}
	s.ended(b)
	return nil
}

// SignOut ends a browser's sessions: at MLflow, at Keycloak, or both.
func (s *Scenario) SignOut(ctx context.Context, b *browser.Browser) error {
	status, err := s.Search(ctx, b, nil)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		if err := s.leave(ctx, b); err == nil || ctx.Err() != nil {
			return err
		}
	}
	page, err := b.Open(ctx, s.public.EndSession+"?"+url.Values{"client_id": {s.Stack.Realm.ClientID}}.Encode())
	if err != nil {
		return fmt.Errorf("log out at Keycloak: %w", err)
	}
	// Without an ID token hint, Keycloak requires a click on a button.
	if forms := page.Forms(); len(forms) > 0 {
		if page, err = b.Submit(ctx, forms[0]); err != nil {
			return fmt.Errorf("log out at Keycloak: %w", err)
		}
	}
	if page.Status != http.StatusOK {
		return check.Mismatch(Describe(page)+" after the logout at Keycloak", "200")
	}
	s.ended(b)
	return nil
}

func (s *Scenario) ended(b *browser.Browser) {
	s.sessions = slices.DeleteFunc(s.sessions, func(other *browser.Browser) bool { return other == b })
}
