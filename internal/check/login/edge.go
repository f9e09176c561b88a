package login

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// checkCertificate connects through the edge, and checks that both names use https with a
// certificate that a browser accepts, and send HSTS.
func (p *proof) checkCertificate(ctx context.Context) (said string, err error) {
	if err := p.Connect(ctx); err != nil {
		return "", err
	}
	for _, site := range []string{p.Stack.MLflow.URL, p.Stack.Keycloak.URL} {
		page, err := p.NewBrowser().Fetch(ctx, http.MethodGet, site+"/", nil, nil)
		if err != nil {
			return "", fmt.Errorf("%s through the edge at %s: %w", site, p.Stack.Edge.HTTPS, err)
		}
		if got := page.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
			return "", check.Mismatch(fmt.Sprintf("Strict-Transport-Security %q from %s", got, site), "max-age=…")
		}
	}
	// The control: a client that does not know the authority refuses its certificate.
	if p.Edge().Authority != "" {
		outside := browser.New(p.Edge().ViaEdgeSystemTrust)
		defer outside.Close()
		if _, err := outside.Fetch(ctx, http.MethodGet, p.Stack.MLflow.URL+"/", nil, nil); err == nil {
			return "", check.Mismatch("an answer for a client that does not trust the authority", "a refusal by the client")
		}
	}
	return fmt.Sprintf("both names answer over https at %s; certificates: %s", p.Stack.Edge.HTTPS, p.Stack.Edge.Certificates), nil
}

// checkClosedPaths requests from outside what only an operator may see. The check of discovery
// before it is the control for what is open.
func (p *proof) checkClosedPaths(ctx context.Context) (string, error) {
	s := p.Stack
	closed := []string{
		s.Keycloak.URL + "/admin/", s.Keycloak.URL + "/admin/realms", s.Keycloak.URL + "/realms/master/.well-known/openid-configuration",
		s.Keycloak.URL + "/realms/" + s.Realm.Name + "/clients-registrations/openid-connect", s.Keycloak.URL + "/metrics", s.Keycloak.URL + "/health",
		s.MLflow.URL + "/metrics", s.MLflow.URL + "/docs", s.MLflow.URL + "/openapi.json", s.MLflow.URL + "/ajax-api/3.0/jobs/1",
	}
	b := p.NewBrowser()
	for _, address := range closed {
		page, err := b.Fetch(ctx, http.MethodGet, address, nil, nil)
		if err != nil {
			return "", err
		}
		if err := scenario.ExpectStatus(page.Status, http.StatusNotFound, address); err != nil {
			return "", err
		}
	}
	// The same console on this host, where it is available.
	page, err := b.Fetch(ctx, http.MethodGet, s.Keycloak.AdminURL+"/realms/master/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return "", fmt.Errorf("control: %w", err)
	}
	if err := scenario.ExpectStatus(page.Status, http.StatusOK, "realm master on this host"); err != nil {
		return "", fmt.Errorf("control: %w", err)
	}
	return fmt.Sprintf("%d paths for operators are closed to the public; realm master is open on this host only", len(closed)), nil
}
