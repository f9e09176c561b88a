// Package admin is the only client of Keycloak's admin API. It logs in with the program's own
// service account.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Realm is the realm of Keycloak's administrators and of the service account.
const Realm = "master"

// Client is a session of the service account: gocloak's calls, and Get, Put and Post for what
// gocloak lacks. The token lasts a minute.
type Client struct {
	*gocloak.GoCloak
	Token string

	url string
}

// Option configures the client's connection to Keycloak.
type Option func(*Client)

// WithTransport sends every request of the client, including the login, through a transport.
func WithTransport(transport http.RoundTripper) Option {
	return func(c *Client) { c.RestyClient().SetTransport(transport) }
}

// Open logs in; within limits each call. The error contains only why Keycloak refused or did not
// respond.
func Open(ctx context.Context, keycloak outputs.Keycloak, within time.Duration, options ...Option) (*Client, error) {
	c := &Client{GoCloak: gocloak.NewClient(keycloak.AdminURL), url: keycloak.AdminURL}
	c.RestyClient().SetTimeout(within)
	for _, option := range options {
		option(c)
	}
	login, err := c.LoginClient(ctx, keycloak.Provider.ID, keycloak.Provider.Secret, Realm)
	if err != nil {
		return nil, err
	}
	c.Token = login.AccessToken
	return c, nil
}

// Get reads a document of a realm. The path begins with a slash, or is empty for the realm
// itself; query alternates names and values.
func (c *Client) Get(ctx context.Context, realm, path string, into any, query ...string) error {
	return c.do(ctx, http.MethodGet, realm, path, nil, into, query)
}

// Put writes a document of a realm.
func (c *Client) Put(ctx context.Context, realm, path string, document any) error {
	return c.do(ctx, http.MethodPut, realm, path, document, nil, nil)
}

// Post sends a POST to a realm, and reads the response.
func (c *Client) Post(ctx context.Context, realm, path string, into any, query ...string) error {
	return c.do(ctx, http.MethodPost, realm, path, nil, into, query)
}

// Delete removes a document of a realm.
func (c *Client) Delete(ctx context.Context, realm, path string) error {
	return c.do(ctx, http.MethodDelete, realm, path, nil, nil, nil)
}

func (c *Client) do(ctx context.Context, method, realm, path string, body, into any, query []string) error {
	request := c.GetRequestWithBearerAuth(ctx, c.Token)
	if body != nil {
		request.SetBody(body)
	}
	for i := 0; i+1 < len(query); i += 2 {
		request.SetQueryParam(query[i], query[i+1])
	}
	answer, err := request.Execute(method, c.URL(realm, path))
	if err != nil {
		return err
	}
	if answer.IsError() || into != nil && answer.StatusCode() != http.StatusOK {
		return &gocloak.APIError{Code: answer.StatusCode(), Message: answer.Status()}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body(), into); err != nil {
		return fmt.Errorf("%s is not what the admin API writes: %w", c.URL(realm, path), err)
	}
	return nil
}

// URL returns the URL of a document of a realm.
func (c *Client) URL(realm, path string) string { return c.url + "/admin/realms/" + realm + path }

// Identity is a user's link to an identity provider.
type Identity struct {
	Provider string `json:"identityProvider"`
	UserID   string `json:"userId"`
}

// Identities returns a user's links to identity providers.
func (c *Client) Identities(ctx context.Context, realm, userID string) (all []Identity, err error) {
	return all, c.Get(ctx, realm, "/users/"+userID+"/federated-identity", &all)
}

// Status returns the HTTP status of an error; 0 if Keycloak did not respond.
func Status(err error) int {
	var answer *gocloak.APIError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// IsNotFound reports whether an object does not exist in Keycloak.
func IsNotFound(err error) bool { return Status(err) == http.StatusNotFound }
