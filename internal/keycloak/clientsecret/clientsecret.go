// Package clientsecret rotates the secret of a service account in Keycloak, as that account itself.
//
// The account has one of several known secrets: an update may have been killed between Keycloak and
// the state, and a restored database has an earlier one. So each is tried, and setting the current
// one again changes nothing.
package clientsecret

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// callTimeout limits one call of the admin API.
const callTimeout = time.Minute

// ErrUnknown is wrapped if Keycloak accepts none of the known secrets.
var ErrUnknown = errors.New("no known secret is accepted")

// Client is a confidential client of realm master with a service account.
type Client struct {
	// AdminURL is the address of the admin API.
	AdminURL string
	// ID is the client's ID, such as mlflow-sso.
	ID string
}

// Accepts reports whether Keycloak accepts a secret. An error means that this is unknown.
func (c Client) Accepts(ctx context.Context, secret string) (bool, error) {
	api, err := c.logIn(ctx, secret)
	return api != nil, err
}

// Set makes current the client's secret and reports whether it changed. It logs in with the first
// of previous that Keycloak accepts.
func (c Client) Set(ctx context.Context, current string, previous []string) (rotated bool, err error) {
	if accepted, err := c.Accepts(ctx, current); accepted || err != nil {
		return false, err
	}
	tried := map[string]bool{"": true, current: true}
	for _, secret := range previous {
		if tried[secret] {
			continue
		}
		tried[secret] = true
		api, err := c.logIn(ctx, secret)
		if err != nil {
			return false, err
		}
		if api == nil {
			continue
		}
		return true, c.set(ctx, api, current)
	}
	return false, fmt.Errorf("client %s of realm %s in Keycloak at %s: %w: got %d refusals (401), want one of the current secret and the earlier ones of this stack accepted; "+
		"either the database is of another stack, or the secret was changed in Keycloak, or the client is deleted or disabled there. "+
		"docs/how-to/rotate-credentials.md, \"No known secret is accepted\", says how to set it; then run `pulumi up` again",
		c.ID, admin.Realm, c.AdminURL, ErrUnknown, len(tried)-1)
}

// set changes the client's secret and verifies that Keycloak accepts it.
func (c Client) set(ctx context.Context, api *admin.Client, secret string) error {
	found, err := api.GetClients(ctx, api.Token, admin.Realm, gocloak.GetClientsParams{ClientID: &c.ID})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("got %d clients of that ID, want one", len(found))
	}
	if err == nil {
		found[0].Secret = &secret
		err = api.UpdateClient(ctx, api.Token, admin.Realm, *found[0])
	}
	if err != nil {
		return c.failed("set the current secret", err)
	}
	accepted, err := c.Accepts(ctx, secret)
	if err == nil && !accepted {
		err = c.failed("log in with the secret that was just set", errors.New("got 401, want it accepted; does another program set it?"))
	}
	return err
}

// logIn returns nil without an error if Keycloak refuses the secret.
func (c Client) logIn(ctx context.Context, secret string) (*admin.Client, error) {
	api, err := admin.Open(ctx, outputs.Keycloak{AdminURL: c.AdminURL, Provider: outputs.Client{ID: c.ID, Secret: secret}}, callTimeout)
	switch {
	case admin.Status(err) == http.StatusUnauthorized:
		return nil, nil
	case err != nil:
		return nil, c.failed("log in", err)
	}
	return api, nil
}

// failed never repeats a secret: Keycloak's responses contain none.
func (c Client) failed(what string, err error) error {
	err = fmt.Errorf("client %s of realm %s in Keycloak at %s: %s: %w", c.ID, admin.Realm, c.AdminURL, what, err)
	if admin.Status(err) == 0 {
		return fmt.Errorf("%w; does Keycloak run? `docker ps` and `docker logs` of its container say", err)
	}
	return err
}
