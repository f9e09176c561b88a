package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// The addresses of MLflow that the checks request.
const (
	searchPath      = "/api/2.0/mlflow/experiments/search"
	CurrentUserPath = "/api/2.0/mlflow/users/current"
	tokensPath      = "/api/2.0/mlflow/users/current/tokens"
	LogoutPath      = "/logout"
	RefusedPath     = "/oidc/ui/auth"
)

// Search requests one experiment, which any signed-in user may do, and returns the response's
// status.
func (s *Scenario) Search(ctx context.Context, b *browser.Browser, header http.Header) (int, error) {
	page, err := b.Fetch(ctx, http.MethodPost, s.Stack.MLflow.URL+searchPath, header, []byte(`{"max_results":1}`))
	if err != nil {
		return 0, err
	}
	if page.Status == http.StatusOK {
		var answer struct{}
		if err := page.JSON(&answer); err != nil {
			return 0, err
		}
	}
	return page.Status, nil
}

// ExpectSearch requires a status of Search; who names the caller in an error.
func (s *Scenario) ExpectSearch(ctx context.Context, b *browser.Browser, header http.Header, wanted int, who string) error {
	got, err := s.Search(ctx, b, header)
	if err != nil {
		return fmt.Errorf("search experiments %s: %w", who, err)
	}
	return ExpectStatus(got, wanted, "a search for experiments "+who)
}

// ExpectStatus requires a response's status; what names the request in an error.
func ExpectStatus(got, wanted int, what string) error {
	if got == wanted {
		return nil
	}
	return check.Mismatch(fmt.Sprintf("%d for %s", got, what), fmt.Sprint(wanted))
}

// At reports whether u is on the site and, unless path is empty, at that path.
func At(u *url.URL, site, path string) bool {
	base, err := url.Parse(site)
	if err != nil || u == nil || u.Scheme != base.Scheme || u.Host != base.Host {
		return false
	}
	return path == "" || u.Path == base.Path+path
}

// Describe describes a page as a user would: address, status, title and error. It omits queries,
// which may contain codes.
func Describe(page *browser.Page) string {
	text := fmt.Sprintf("%d at %s", page.Status, browser.Bare(page.URL))
	if title := page.Title(); page.HTML() && title != "" {
		text += fmt.Sprintf(", titled %q", title)
	}
	for _, where := range []string{"input-error", "kc-error-message"} {
		if said := page.TextOf(where); page.HTML() && said != "" {
			return text + fmt.Sprintf(", which says %q", said)
		}
	}
	return text
}
