//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

const searchPath = "/api/2.0/mlflow/experiments/search"

// logIn logs the demo administrator in like a user, and requests something that needs a login. It
// returns when the response arrives.
func logIn(ctx context.Context, deployed outputs.Stack) error {
	for _, user := range deployed.DemoUsers {
		if user.Group == deployed.Realm.AdminGroup {
			return loginAs(ctx, deployed, user)
		}
	}
	return fmt.Errorf("first login: no demo user in %s", deployed.Realm.AdminGroup)
}

func loginAs(ctx context.Context, deployed outputs.Stack, user outputs.User) error {
	b := browser.New()
	defer b.Close()
	page, err := b.Open(ctx, deployed.MLflow.URL+"/")
	if err != nil {
		return fmt.Errorf("first login: %w", err)
	}
	form := page.FormWith("username", "password")
	if form == nil {
		return fmt.Errorf("first login: got %d at %s, want a login form", page.Status, browser.Bare(page.URL))
	}
	if err := errors.Join(form.Set("username", user.Username), form.Set("password", user.Password)); err != nil {
		return fmt.Errorf("first login: %w", err)
	}
	if page, err = b.Submit(ctx, form); err != nil {
		return fmt.Errorf("first login: %w", err)
	}
	if at := browser.Bare(page.URL); page.Status != http.StatusOK || !strings.HasPrefix(at, deployed.MLflow.URL+"/") {
		return fmt.Errorf("first login: got %d at %s, want 200 at %s", page.Status, at, deployed.MLflow.URL)
	}
	answer, err := b.Fetch(ctx, http.MethodPost, deployed.MLflow.URL+searchPath, nil, []byte(`{"max_results":1}`))
	if err != nil {
		return fmt.Errorf("first call: %w", err)
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("first call: got %d, want 200", answer.Status)
	}
	return nil
}
