package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// Token gets an access token for a signed-in user: the browser gets a code, which is exchanged
// where the client's secret is. It does not use x/oauth2, since the secret stays in MLflow's
// container.
func (s *Scenario) Token(ctx context.Context, who *Person) (string, error) {
	code, err := s.code(ctx, who.Browser)
	if err != nil {
		return "", err
	}
	return s.exchange(ctx, code)
}

// grant is a code with what the exchange needs; its fields match the probe's.
type grant struct {
	Code        string `json:"code"`
	Verifier    string `json:"verifier"`
	RedirectURI string `json:"redirect_uri"`
}

// code gets a code for the user who is signed in to Keycloak in b.
func (s *Scenario) code(ctx context.Context, b *browser.Browser) (grant, error) {
	verifier := oauth2.GenerateVerifier()
	query := s.request(verifier)
	page, err := s.ask(ctx, b, query)
	if err != nil {
		return grant{}, err
	}
	location, err := url.Parse(page.Header.Get("Location"))
	if err != nil || browser.Bare(location) != query.Get("redirect_uri") || !location.Query().Has("code") {
		return grant{}, check.Mismatch(Describe(page), "a code, since the browser is signed in to Keycloak")
	}
	if location.Query().Get("state") != query.Get("state") {
		return grant{}, check.Mismatch("another state in Keycloak's answer than in the request", "the same")
	}
	return grant{Code: location.Query().Get("code"), Verifier: verifier, RedirectURI: query.Get("redirect_uri")}, nil
}

// exchange exchanges a code for an access token.
func (s *Scenario) exchange(ctx context.Context, code grant) (string, error) {
	input, err := json.Marshal(code)
	if err != nil {
		return "", err
	}
	name := s.Stack.MLflow.Container
	tokens, err := probe.JSON[struct {
		Access string `json:"access_token"`
	}](ctx, s.Docker, name, probe.CodeExchange, input)
	if err == nil && tokens.Access == "" {
		err = errors.New("the answer contains no access token")
	}
	if err != nil {
		return "", fmt.Errorf("exchange a code for a token inside %s: %w", name, err)
	}
	return tokens.Access, nil
}

// ExchangeCodeTwice gets a code for a signed-in user and exchanges it twice. The first error is
// of the exchange that must succeed, the second of the replay.
func (s *Scenario) ExchangeCodeTwice(ctx context.Context, who *Person) (proper, replay error) {
	code, err := s.code(ctx, who.Browser)
	if err != nil {
		return err, nil
	}
	if _, err := s.exchange(ctx, code); err != nil {
		return err, nil
	}
	_, err = s.exchange(ctx, code)
	return nil, err
}
