package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// public are the paths that MLflow serves to anonymous requests, each with its reason. Any other
// route that answers an anonymous request is a vulnerability.
var public = []struct{ below, reason string }{
	{"/health", "for health checks of Docker and load balancers; contains nothing else"},
	{"/login", "starts a login"},
	{"/callback", "ends a login; requires the state of the same browser"},
	{"/providers", "the names of the identity providers, for the login page"},
	{"/oidc/ui", "the page about a refused login, and the web application of the other pages; their data requires a login"},
	{"/oidc/static", "files of that web application"},
	{"/static-files", "files of MLflow's own web application, as on PyPI"},
	{"/docs", "names of routes, as in the source; closed by an edge"},
	{"/redoc", "the same"},
	{"/openapi.json", "the same"},
	{"/metrics", "404 unless MLflow is configured to expose it; closed by an edge"},
	{"/scim/v2/", "requires its own token, which no stack of this program sets"},
	{"/slo/", "answers only signed SAML messages; SAML is not configured"},
	{"/saml/metadata/", "public keys for SAML, which is not configured"},
}

func isPublic(path string) bool {
	for _, p := range public {
		rest, below := strings.CutPrefix(path, p.below)
		if below && (rest == "" || strings.HasSuffix(p.below, "/") || rest[0] == '/') {
			return true
		}
	}
	return false
}

func (c *suite) routes() []attack {
	const control = "the member's token gets 200 in the same way, and the list of routes comes from the running application"
	const next = "check what answers there: `docker logs --tail 50 {mlflow}`; a new version of MLflow or the plugin may have opened it"
	return []attack{
		{
			name: "routes-from-outside", tries: "every route of MLflow, of Flask and FastAPI, with every method and without credentials, at the public address",
			control: control, defence: "the plugin's middleware covers all routes, the edge some", next: next, within: catalogueTime + 2*time.Minute, run: c.routesOutside,
		},
		{
			name: "edge-bypass", tries: "the same requests to MLflow's container itself, from a container that joined the data network",
			control: control, defence: "the plugin's middleware covers all routes, wherever a request comes from", next: next, within: catalogueTime + 2*time.Minute, run: c.routesInside,
		},
	}
}

// scanResult is a route's response to an anonymous request.
type scanResult struct {
	method, path string
	status       int
	location     string
}

// list returns method and path of every route of the application.
func (c *suite) list(ctx context.Context) ([][2]string, error) {
	all, err := c.readCatalogue(ctx)
	return all.paths(), err
}

func (c *suite) routesOutside(ctx context.Context) (string, error) {
	all, err := c.list(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	if err := c.expectTaken(ctx, c.thiefToken, "the member's token"); err != nil {
		return "", err
	}
	answers := make([]scanResult, 0, len(all))
	for _, route := range all {
		got, err := c.ask(ctx, request{method: route[0], url: c.stack.MLflow.URL + route[1]})
		if err != nil {
			return "", check.NotRun(err)
		}
		answers = append(answers, scanResult{route[0], route[1], got.status, got.header.Get("Location")})
	}
	return judgeRoutes(answers, c.stack.Edge.Exists())
}

// judgeRoutes requires every route that is not public to refuse. A "not found" means that the
// request was let in, unless it comes from an edge.
func judgeRoutes(answers []scanResult, edge bool) (string, error) {
	var open, unclear []string
	refused, known := 0, 0
	for _, a := range answers {
		to, err := url.Parse(a.location)
		login := a.status/100 == 3 && err == nil && strings.HasPrefix(to.Path, "/login")
		what := fmt.Sprintf("%d for %s %s", a.status, a.method, a.path)
		switch {
		case isPublic(a.path):
			known++
		case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, login, edge && a.status == http.StatusNotFound:
			refused++
		case a.status == http.StatusTooManyRequests, a.status >= http.StatusBadGateway && a.status <= http.StatusGatewayTimeout:
			unclear = append(unclear, what)
		default:
			open = append(open, what)
		}
	}
	const shown = 5
	switch {
	case len(open) > 0:
		return "", check.Mismatch(fmt.Sprintf("%s (%d in all)", strings.Join(open[:min(shown, len(open))], ", "), len(open)), "401, 403 or the way to the login")
	case len(unclear) > 0:
		return "", check.NotRun(errors.New(strings.Join(unclear[:min(shown, len(unclear))], ", ")))
	case refused == 0 || known == 0:
		return "", check.NotRun(fmt.Errorf("%d routes refused, %d public, wanted some of both", refused, known))
	}
	return fmt.Sprintf("%d routes refuse anonymous requests, %d are public on purpose", refused, known), nil
}

// routesInside scans from a separate container on MLflow's networks.
func (c *suite) routesInside(ctx context.Context) (string, error) {
	all, err := c.list(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	seen, err := c.docker.API().ContainerInspect(ctx, c.stack.MLflow.Container)
	if err != nil {
		return "", check.NotRun(err)
	}
	network, err := dataNetwork(seen, c.stack.Deployment)
	if err != nil {
		return "", check.NotRun(err)
	}
	site, err := url.Parse(c.stack.MLflow.URL)
	if err != nil {
		return "", check.NotRun(err)
	}
	input, err := json.Marshal(map[string]any{
		"address": seen.NetworkSettings.Networks[network].IPAddress, "port": portOfMLflow, "host": site.Host,
		"routes": all, "token": c.thiefToken, "control": searchPath,
	})
	if err != nil {
		return "", err
	}
	said, err := probe.RouteScan.RunOnce(ctx, c.docker, engine.RunSpec{
		Name: c.newContainer(), Image: seen.Image, Network: network, Within: sweepTime,
	}, input)
	if err != nil {
		return "", check.NotRun(fmt.Errorf("send a request from a container on %s: %w", network, err))
	}
	var rows [][4]any
	if err := json.Unmarshal(said, &rows); err != nil || len(rows) != len(all)+1 {
		return "", check.NotRun(fmt.Errorf("%d answers to %d requests from a container on %s", len(rows), len(all)+1, network))
	}
	answers := make([]scanResult, len(rows))
	for i, row := range rows {
		status, _ := row[2].(float64)
		answers[i] = scanResult{fmt.Sprint(row[0]), fmt.Sprint(row[1]), int(status), fmt.Sprint(row[3])}
	}
	if answers[0].status != http.StatusOK {
		return "", check.NotRun(fmt.Errorf("%d for the member's token from a container on %s, wanted 200", answers[0].status, network))
	}
	return judgeRoutes(answers[1:], false)
}

// portOfMLflow is the image's port, see images/README.md.
const portOfMLflow = 5000

// sweepTime limits the lifetime of a run's container.
const sweepTime = 2 * time.Minute

// dataNetwork returns the network of MLflow and its databases only.
func dataNetwork(seen container.InspectResponse, deployment string) (string, error) {
	name := naming.Network(deployment, naming.DataNetwork)
	if _, ok := seen.NetworkSettings.Networks[name]; !ok {
		return "", fmt.Errorf("%s is not on the network %s", strings.TrimPrefix(seen.Name, "/"), name)
	}
	return name, nil
}
