package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// Discovery is the part of the OpenID Connect discovery document that the checks need.
type Discovery struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	EndSession    string `json:"end_session_endpoint"`
}

// CheckDiscovery reads the document at both addresses.
func (s *Scenario) CheckDiscovery(ctx context.Context) (string, error) {
	stack := s.Stack
	inside, err := s.discoveryInside(ctx)
	if err != nil {
		return "", err
	}
	page, err := s.NewBrowser().Fetch(ctx, http.MethodGet, stack.Realm.Issuer+"/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return "", fmt.Errorf("from this host: %w", err)
	}
	if err := ExpectStatus(page.Status, http.StatusOK, "the discovery document, requested from this host"); err != nil {
		return "", err
	}
	var outside Discovery
	if err := page.JSON(&outside); err != nil {
		return "", err
	}
	internal, err := url.Parse(stack.Realm.DiscoveryURL)
	if err != nil {
		return "", fmt.Errorf("the stack's discovery address: %w", err)
	}
	private := internal.Scheme + "://" + internal.Host
	if err := JudgeDiscovery(inside, stack.Realm.Issuer, stack.Keycloak.URL, private, "MLflow"); err != nil {
		return "", err
	}
	if err := JudgeDiscovery(outside, stack.Realm.Issuer, stack.Keycloak.URL, stack.Keycloak.URL, "a browser"); err != nil {
		return "", err
	}
	s.public = outside
	return fmt.Sprintf("issuer %s for both sides; MLflow fetches tokens and keys at %s", outside.Issuer, private), nil
}

func (s *Scenario) discoveryInside(ctx context.Context) (d Discovery, err error) {
	name := s.Stack.MLflow.Container
	d, err = probe.JSON[Discovery](ctx, s.Docker, name, probe.DiscoveryDocument, nil, s.Stack.Realm.DiscoveryURL)
	if err != nil {
		return d, fmt.Errorf("fetch the discovery document %s inside %s: %w", s.Stack.Realm.DiscoveryURL, name, err)
	}
	return d, nil
}

// JudgeDiscovery requires public addresses for the browser and internal ones for backchannel
// endpoints.
func JudgeDiscovery(d Discovery, issuer, public, services, reader string) error {
	if d.Issuer != issuer {
		return check.Mismatch(fmt.Sprintf("issuer %q for %s", d.Issuer, reader), fmt.Sprintf("%q", issuer))
	}
	for _, endpoint := range []struct{ name, got, site string }{
		{"authorization_endpoint", d.Authorization, public},
		{"end_session_endpoint", d.EndSession, public},
		{"token_endpoint", d.Token, services},
		{"jwks_uri", d.Keys, services},
	} {
		u, err := url.Parse(endpoint.got)
		if err != nil || !At(u, endpoint.site, "") {
			return check.Mismatch(fmt.Sprintf("%s %q for %s", endpoint.name, endpoint.got, reader), "an address at "+endpoint.site)
		}
	}
	return nil
}
