package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// checkContainers looks at the state of all of them.
func (p *proof) checkContainers(ctx context.Context) (string, error) {
	var wrong, short []string
	names := p.stack.Containers()
	for _, name := range names {
		short = append(short, strings.TrimPrefix(name, naming.Container(p.stack.Deployment, "")))
		state, err := p.docker.State(ctx, name)
		if errors.Is(err, engine.ErrNoContainer) {
			wrong = append(wrong, name+" does not exist")
			continue
		}
		if err != nil {
			return "", err
		}
		if fault := judgeState(state); fault != "" {
			wrong = append(wrong, name+" is "+fault)
		}
	}
	if len(wrong) > 0 {
		return "", differs(strings.Join(wrong, ", "), fmt.Sprintf("%d containers that run and are healthy", len(names)))
	}
	last := len(short) - 1
	return fmt.Sprintf("%s and %s are healthy", strings.Join(short[:last], ", "), short[last]), nil
}

// judgeState says what is wrong with a container; empty when nothing is.
func judgeState(s engine.State) string {
	switch {
	case s.Ended():
		return fmt.Sprintf("%s with code %d", s.Status, s.ExitCode)
	case s.Status != container.StateRunning:
		return s.Status
	case s.Health == "":
		return "without a health check"
	case s.Health != container.Healthy:
		return s.Health
	}
	return ""
}

// checkVersions looks into MLflow's image, which may be somebody else's.
func (p *proof) checkVersions(ctx context.Context) (string, error) {
	var packages []string
	for _, least := range mlflow.MinimumVersions() {
		packages = append(packages, least.Package)
	}
	versions, err := probe.JSON[[]string](ctx, p.docker, p.stack.MLflow.Container, probe.PackageVersions, nil, packages...)
	if err != nil {
		return "", fmt.Errorf("versions inside %s: %w", p.stack.MLflow.Container, err)
	}
	return judgeVersions(versions)
}

func judgeVersions(versions []string) (string, error) {
	leasts := mlflow.MinimumVersions()
	if len(versions) != len(leasts) {
		return "", differs(fmt.Sprintf("%d versions", len(versions)), fmt.Sprint(len(leasts)))
	}
	var said []string
	for i, version := range versions {
		least := leasts[i]
		if err := least.Check(version); err != nil {
			return "", differs(least.Package+" "+version, least.Version+" or later: "+least.Why)
		}
		said = append(said, least.Package+" "+version)
	}
	return strings.Join(said, ", "), nil
}

// discovery is what the checks read of OpenID Connect's discovery document.
type discovery struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	EndSession    string `json:"end_session_endpoint"`
}

// checkDiscovery reads the document in both places.
func (p *proof) checkDiscovery(ctx context.Context) (string, error) {
	s := p.stack
	inside, err := p.discoveryInside(ctx)
	if err != nil {
		return "", err
	}
	page, err := p.newBrowser().Fetch(ctx, http.MethodGet, s.Realm.Issuer+"/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return "", fmt.Errorf("from this host: %w", err)
	}
	if err := judgeStatus(page.Status, http.StatusOK, "the discovery document, asked for from this host"); err != nil {
		return "", err
	}
	var outside discovery
	if err := page.JSON(&outside); err != nil {
		return "", err
	}
	internal, err := url.Parse(s.Realm.DiscoveryURL)
	if err != nil {
		return "", fmt.Errorf("the stack's discovery address: %w", err)
	}
	private := internal.Scheme + "://" + internal.Host
	if err := judgeDiscovery(inside, s.Realm.Issuer, s.Keycloak.URL, private, "MLflow"); err != nil {
		return "", err
	}
	if err := judgeDiscovery(outside, s.Realm.Issuer, s.Keycloak.URL, s.Keycloak.URL, "a browser"); err != nil {
		return "", err
	}
	p.public = outside
	return fmt.Sprintf("issuer %s for both sides; MLflow fetches tokens and keys at %s", outside.Issuer, private), nil
}

func (p *proof) discoveryInside(ctx context.Context) (d discovery, err error) {
	name := p.stack.MLflow.Container
	d, err = probe.JSON[discovery](ctx, p.docker, name, probe.DiscoveryDocument, nil, p.stack.Realm.DiscoveryURL)
	if err != nil {
		return d, fmt.Errorf("fetch the discovery document %s inside %s: %w", p.stack.Realm.DiscoveryURL, name, err)
	}
	return d, nil
}

// judgeDiscovery demands public addresses for the browser and, for what the
// reader calls itself, addresses at services.
func judgeDiscovery(d discovery, issuer, public, services, reader string) error {
	if d.Issuer != issuer {
		return differs(fmt.Sprintf("issuer %q for %s", d.Issuer, reader), fmt.Sprintf("%q", issuer))
	}
	for _, endpoint := range []struct{ name, got, site string }{
		{"authorization_endpoint", d.Authorization, public},
		{"end_session_endpoint", d.EndSession, public},
		{"token_endpoint", d.Token, services},
		{"jwks_uri", d.Keys, services},
	} {
		u, err := url.Parse(endpoint.got)
		if err != nil || !at(u, endpoint.site, "") {
			return differs(fmt.Sprintf("%s %q for %s", endpoint.name, endpoint.got, reader), "an address at "+endpoint.site)
		}
	}
	return nil
}
