package security

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// crossOrigin are attacks by same-site pages, which share the cookie with MLflow.
func (c *suite) crossOrigin() []attack {
	return []attack{{
		name: "same-site-page", tries: "a page on another port of localhost, or on a sibling of MLflow's name, sends requests with a signed-in browser's cookie, also an administrator's: JSON to MLflow's API, forms and empty bodies to the plugin's routes",
		control: "the same requests from MLflow's own origin are accepted", defence: "an unsafe method with a cookie needs MLflow's own origin; no other origin may read answers",
		next: "check what images/mlflow/python says about origins", run: c.sameSitePage,
	}}
}

// crossRequest is a request that would change something.
type crossRequest struct {
	method, path, kind, body string
}

func (c *suite) sameSitePage(ctx context.Context) (string, error) {
	member, admin := c.thief.Browser, c.admin.Browser
	own := c.stack.MLflow.URL
	nothing := `{"run_ids":["` + nothingHasIt + `"]}`
	asMember := []crossRequest{
		{http.MethodPost, searchPath, "application/json", `{"max_results":1}`},
		{http.MethodPost, "/graphql", "application/json", `{"query":"{test(inputString:\"x\"){output}}"}`},
	}
	asAdmin := []crossRequest{
		{http.MethodPost, "/oidc/trash/cleanup?run_ids=" + nothingHasIt, "application/json", nothing},
		{http.MethodPost, "/oidc/trash/cleanup?run_ids=" + nothingHasIt, "application/x-www-form-urlencoded", ""},
		{http.MethodPost, "/oidc/trash/runs/" + nothingHasIt + "/restore", "application/x-www-form-urlencoded", ""},
		{http.MethodPost, "/oidc/trash/experiments/999999999/restore", "text/plain", ""},
		{http.MethodPost, "/api/2.0/mlflow/scim/tokens/999999999/rotate", "application/x-www-form-urlencoded", ""},
	}
	send := func(r crossRequest, asAdmin bool, header http.Header) (int, http.Header, error) {
		b := member
		if asAdmin {
			b = admin
		}
		header = header.Clone()
		header.Set("Content-Type", r.kind)
		page, err := b.Fetch(ctx, r.method, own+r.path, header, []byte(r.body))
		if err != nil {
			return 0, nil, err
		}
		return page.Status, page.Header, nil
	}
	origins := []http.Header{
		{"Origin": {"http://localhost:9999"}},
		{"Origin": {"http://127.0.0.1:9999"}},
		{"Origin": {"http://[::1]:9999"}},
		{"Origin": {"null"}},
		{"Origin": {"http://localhost"}},
		{"Origin": {own + ".evil.example"}},
	}
	tried := 0
	for i, all := range [][]crossRequest{asMember, asAdmin} {
		for _, r := range all {
			status, _, err := send(r, i == 1, http.Header{"Origin": {own}})
			if err != nil {
				return "", err
			}
			if status == http.StatusForbidden || status == http.StatusUnauthorized {
				return "", check.NotRun(fmt.Errorf("%d for %s %s from MLflow's own origin", status, r.method, r.path))
			}
			for _, from := range origins {
				got, header, err := send(r, i == 1, from)
				if err != nil {
					return "", err
				}
				tried++
				if got != http.StatusForbidden {
					return "", check.Mismatch(fmt.Sprintf("%d for %s %s with a cookie from %v", got, r.method, bare(r.path), from), "403")
				}
				if allowed := header.Get("Access-Control-Allow-Origin"); allowed != "" && allowed != own {
					return "", check.Mismatch(fmt.Sprintf("Access-Control-Allow-Origin %s for %v", allowed, from), "none")
				}
			}
		}
	}
	for _, from := range origins[:5] {
		preflight := http.Header{"Access-Control-Request-Method": {http.MethodPost}, "Access-Control-Request-Headers": {"content-type"}, "Origin": from["Origin"]}
		page, err := member.Fetch(ctx, http.MethodOptions, own+searchPath, preflight, nil)
		if err != nil {
			return "", err
		}
		if allowed := page.Header.Get("Access-Control-Allow-Origin"); allowed != "" && allowed != own {
			return "", check.Mismatch(fmt.Sprintf("a preflight that allows %s", allowed), "none")
		}
		page, err = member.Fetch(ctx, http.MethodGet, own+mePath, http.Header{"Origin": from["Origin"]}, nil)
		if err != nil {
			return "", err
		}
		if allowed := page.Header.Get("Access-Control-Allow-Origin"); allowed != "" && allowed != own {
			return "", check.Mismatch(fmt.Sprintf("an answer that %s may read", allowed), "none")
		}
	}
	return fmt.Sprintf("%d requests of same-site pages are refused, as member and as administrator", tried), nil
}

func bare(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}
