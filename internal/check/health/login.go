package health

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
)

// checkLogin opens MLflow's login as a browser does and follows it to Keycloak's form.
func (d *doctor) checkLogin(ctx context.Context) ([]Finding, error) {
	way, err := edgeclient.Open(ctx, d.Stack, d.docker)
	if err != nil {
		return nil, err
	}
	b := browser.New(way.ViaEdge)
	defer b.Close()
	page, err := b.Open(ctx, d.Stack.MLflow.URL+"/login")
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		return d.judgeLogin("no answer: "+err.Error(), false), nil
	}
	form := page.FormWith("username", "password") != nil
	got := fmt.Sprintf("%d at %s", page.Status, browser.Bare(page.URL))
	if said := page.TextOf("kc-error-message"); said != "" {
		got += ": " + firstLine(said)
	} else if title := page.Title(); title != "" {
		got += ", a page titled " + title
	}
	return d.judgeLogin(got, form), nil
}

func (d *doctor) judgeLogin(got string, form bool) []Finding {
	if form {
		return nil
	}
	return []Finding{{
		ID: LoginRefused, Component: MLflow, Summary: "a browser that opens MLflow's login does not get Keycloak's login form",
		Got: got, Wanted: "a form for a name and a password", Cause: "the way from " + d.Stack.MLflow.URL + " to " + d.Stack.Keycloak.URL,
		Fix: d.up("--refresh"),
	}}
}
