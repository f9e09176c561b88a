package security

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

const (
	masterRealm = admin.Realm
	staleAfter  = time.Hour
	// adminTimeout limits one call of Keycloak's admin API.
	adminTimeout = 30 * time.Second
)

// tokenClient is a Keycloak client that exists for one run. Keycloak signs its tokens, so they
// are genuine and wrong in a single respect.
type tokenClient struct {
	realm, id, name, secret string
}

// keycloak logs in to the admin API with the stack's service account, through the guard.
func (c *suite) keycloak(ctx context.Context) (*admin.Client, error) {
	client, err := admin.Open(ctx, c.stack.Keycloak, adminTimeout, admin.WithTransport(&guard{origins: c.guard.origins, behind: http.DefaultTransport}))
	if err != nil {
		return nil, fmt.Errorf("log in to Keycloak's admin API at %s as %s: %w", c.stack.Keycloak.AdminURL, c.stack.Keycloak.Provider.ID, err)
	}
	return client, nil
}

// newMint creates a client whose tokens name the thief, have the audience, and live for that many
// seconds.
func (c *suite) newMint(ctx context.Context, realm, audience string, seconds int) (*tokenClient, error) {
	client, err := c.keycloak(ctx)
	if err != nil {
		return nil, err
	}
	m := &tokenClient{realm: realm, name: stamped(), secret: rand.Text() + rand.Text()}
	mappers := []gocloak.ProtocolMapperRepresentation{{
		Name: gocloak.StringP("email"), Protocol: gocloak.StringP("openid-connect"), ProtocolMapper: gocloak.StringP("oidc-hardcoded-claim-mapper"),
		Config: &map[string]string{"claim.name": "email", "claim.value": c.thief.Email, "jsonType.label": "String", "access.token.claim": "true"},
	}}
	if audience != "" {
		mappers = append(mappers, gocloak.ProtocolMapperRepresentation{
			Name: gocloak.StringP("audience"), Protocol: gocloak.StringP("openid-connect"), ProtocolMapper: gocloak.StringP("oidc-audience-mapper"),
			Config: &map[string]string{"included.custom.audience": audience, "access.token.claim": "true"},
		})
	}
	m.id, err = client.CreateClient(ctx, client.Token, realm, gocloak.Client{
		ClientID: &m.name, Secret: &m.secret, Name: gocloak.StringP("Temporary, of mlflow-sso security-test"), Enabled: gocloak.BoolP(true),
		Protocol: gocloak.StringP("openid-connect"), PublicClient: gocloak.BoolP(false), ServiceAccountsEnabled: gocloak.BoolP(true),
		StandardFlowEnabled: gocloak.BoolP(false), ImplicitFlowEnabled: gocloak.BoolP(false), DirectAccessGrantsEnabled: gocloak.BoolP(false),
		FullScopeAllowed: gocloak.BoolP(false), DefaultClientScopes: &[]string{"basic"}, OptionalClientScopes: &[]string{},
		Attributes: &map[string]string{"access.token.lifespan": strconv.Itoa(seconds)}, ProtocolMappers: &mappers,
	})
	if err != nil {
		return nil, fmt.Errorf("create the temporary client %s in realm %s: %w", m.name, realm, err)
	}
	c.mints = append(c.mints, m)
	return m, nil
}

// token requests a token from Keycloak.
func (c *suite) token(ctx context.Context, m *tokenClient) (string, error) {
	realm := c.stack.Realm.Issuer
	if m.realm == masterRealm {
		realm = c.stack.Keycloak.AdminURL + "/realms/" + masterRealm
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {m.name}, "client_secret": {m.secret}}
	got, err := c.ask(ctx, request{
		method: http.MethodPost, url: realm + "/protocol/openid-connect/token",
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, raw: []byte(form.Encode()),
	})
	if err != nil {
		return "", err
	}
	var made struct {
		Token string `json:"access_token"`
	}
	if err := got.into(&made); err != nil || made.Token == "" {
		return "", fmt.Errorf("a token of the temporary client in realm %s: got status %d and no token", m.realm, got.status)
	}
	return made.Token, nil
}

// removeMints deletes the clients of this run. A client that no longer exists counts.
func (c *suite) removeMints(ctx context.Context) error {
	if len(c.mints) == 0 {
		return nil
	}
	client, err := c.keycloak(ctx)
	if err != nil {
		return err
	}
	var left []*tokenClient
	var errs []error
	for _, m := range c.mints {
		err := client.DeleteClient(ctx, client.Token, m.realm, m.id)
		if err != nil && !admin.IsNotFound(err) {
			left, errs = append(left, m), append(errs, fmt.Errorf("delete the temporary client %s in realm %s: %w", m.name, m.realm, err))
		}
	}
	c.mints = left
	return errors.Join(errs...)
}

// removeStaleMints deletes what a killed run left.
func (c *suite) removeStaleMints(ctx context.Context) error {
	client, err := c.keycloak(ctx)
	if err != nil {
		return err
	}
	for _, realm := range []string{c.stack.Realm.Name, masterRealm} {
		found, err := client.GetClients(ctx, client.Token, realm, gocloak.GetClientsParams{ClientID: gocloak.StringP(namePrefix), Search: gocloak.BoolP(true)})
		if err != nil {
			return fmt.Errorf("find clients of earlier runs in realm %s: %w", realm, err)
		}
		for _, old := range found {
			if !isStaleMint(gocloak.PString(old.ClientID), time.Now()) {
				continue
			}
			if err := client.DeleteClient(ctx, client.Token, realm, gocloak.PString(old.ID)); err != nil {
				return fmt.Errorf("delete the client %s of an earlier run: %w", gocloak.PString(old.ClientID), err)
			}
		}
	}
	return nil
}

// isStaleMint is conservative: another run may be in progress.
func isStaleMint(name string, now time.Time) bool {
	rest, ours := strings.CutPrefix(name, namePrefix)
	second, _, cut := strings.Cut(rest, "-")
	made, err := strconv.ParseInt(second, 10, 64)
	return ours && cut && err == nil && now.Sub(time.Unix(made, 0)) > staleAfter
}
