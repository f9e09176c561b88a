// Package idpcheck checks each configured identity provider: that it responds, and that its
// published metadata matches the settings.
//
// Keycloak itself sends the requests, from its network and with its trusted authorities: this
// machine may reach another server, or trust another authority. It changes nothing and reads no
// secret.
package idpcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	// kindSAML is the kind of a SAML provider in outputs.
	kindSAML    = "saml"
	callTimeout = 15 * time.Second
)

// Problem is a problem with a provider.
type Problem struct {
	// ID is short and stable, like the IDs of findings.
	ID string
	// Alias is the provider's.
	Alias string
	// Summary describes the problem; Got and Wanted are the evidence.
	What, Got, Wanted string
	// At is the provider's address; empty if it was not contacted.
	At string
}

// The IDs of problems.
const (
	Missing     = "provider-missing"
	Disabled    = "provider-disabled"
	Unreachable = "provider-unreachable"
	Differs     = "provider-differs"
	Refused     = "directory-refuses"
)

// asker is the service account.
type asker struct {
	stack outputs.Stack
	api   *admin.Client
}

// Check checks every provider of a stack.
func Check(ctx context.Context, stack outputs.Stack) ([]Problem, error) {
	a := &asker{stack: stack}
	var err error
	if a.api, err = admin.Open(ctx, stack.Keycloak, callTimeout); err != nil {
		return nil, fmt.Errorf("the admin API of Keycloak at %s: log in: %w", stack.Keycloak.AdminURL, err)
	}
	var found []Problem
	for _, u := range stack.IdentityProviders {
		more, err := a.look(ctx, u)
		if err != nil {
			return found, fmt.Errorf("the admin API of Keycloak at %s: identity provider %s: %w", stack.Keycloak.AdminURL, u.Alias, err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// provider is Keycloak's configuration of a provider.
type provider struct {
	Enabled bool              `json:"enabled"`
	Config  map[string]string `json:"config"`
}

func (a *asker) look(ctx context.Context, u outputs.IdentityProvider) ([]Problem, error) {
	if u.Kind == kindLDAP {
		return a.checkDirectory(ctx, u.Alias)
	}
	var kept provider
	status, _, err := a.call(ctx, http.MethodGet, "/identity-provider/instances/"+u.Alias, nil, &kept)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return []Problem{{Missing, u.Alias, "Keycloak has no identity provider " + u.Alias, "no such provider", "the provider", ""}}, nil
	case status != http.StatusOK:
		return nil, fmt.Errorf("status %d", status)
	}
	if !kept.Enabled {
		return []Problem{{Disabled, u.Alias, "identity provider " + u.Alias + " is disabled: none of its users can log in", "disabled", "enabled", ""}}, nil
	}
	from := strings.TrimSuffix(kept.Config["issuer"], "/") + "/.well-known/openid-configuration"
	if u.Kind == kindSAML {
		from = kept.Config["metadataDescriptorUrl"]
	}
	var says map[string]string
	status, said, err := a.call(ctx, http.MethodPost, "/identity-provider/import-config", map[string]string{"providerId": u.Kind, "fromUrl": from}, &says)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return []Problem{{
			Unreachable, u.Alias, "Keycloak cannot reach identity provider " + u.Alias + ": none of its users can log in",
			fmt.Sprintf("status %d, %s", status, said), "what it publishes", from,
		}}, nil
	}
	return judge(u, from, kept.Config, says), nil
}

// judge compares Keycloak's settings for a provider with the metadata that the provider publishes.
func judge(u outputs.IdentityProvider, from string, kept, says map[string]string) (found []Problem) {
	keys := []string{"issuer", "authorizationUrl", "tokenUrl", "jwksUrl"}
	if u.Kind == kindSAML {
		keys = []string{"idpEntityId", "singleSignOnServiceUrl", "signingCertificate"}
	}
	for _, key := range keys {
		if kept[key] != says[key] {
			found = append(found, Problem{
				Differs, u.Alias, "identity provider " + u.Alias + " says something else of itself than its metadataFile: " + key, says[key], kept[key], from,
			})
		}
	}
	return found
}

// call calls the admin API. An unsuccessful response is reported by its status, with the
// beginning of its text.
func (a *asker) call(ctx context.Context, method, path string, body, into any) (status int, said string, err error) {
	request := a.api.GetRequestWithBearerAuth(ctx, a.api.Token)
	if body != nil {
		request.SetBody(body)
	}
	answer, err := request.Execute(method, a.stack.Keycloak.AdminURL+"/admin/realms/"+a.stack.Realm.Name+path)
	if err != nil {
		return 0, "", err
	}
	if answer.StatusCode() == http.StatusNoContent {
		return answer.StatusCode(), "", nil
	}
	if answer.StatusCode() != http.StatusOK {
		const most = 200
		text := strings.Join(strings.Fields(string(answer.Body())), " ")
		return answer.StatusCode(), text[:min(most, len(text))], nil
	}
	if err := json.Unmarshal(answer.Body(), into); err != nil {
		return 0, "", fmt.Errorf("the answer is not the requested document: %w", err)
	}
	return answer.StatusCode(), "", nil
}
