//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

// company is a Keycloak outside of any stack, with its own users: the provider for a stack.
type company struct {
	o                *outside
	id, url          string
	secret, password string
}

// companyPeople are the company's users, and their groups there. The thief has the address of one
// of the stack's users.
var companyPeople = map[string]struct{ email, group string }{
	"olga": {"olga@company.example", "ml-admins"}, "mia": {"mia@company.example", "ml people"}, "nils": {"nils@company.example", "sales"},
	"thief": {"demo-member@example.com", "ml-admins"},
}

const companyScript = `set -eu
mkdir -p /tmp/keycloak/import
mv /tmp/realm.json /tmp/keycloak/import/company-realm.json
exec /opt/keycloak/bin/kc.sh start-dev --db=dev-file --health-enabled=false --metrics-enabled=false --import-realm`

// startCompany starts it; broker is the redirect URI of a stack's Keycloak.
func startCompany(t *testing.T, o *outside, broker string) *company {
	t.Helper()
	ports, err := freeport.Ports(2)
	require.NoError(t, err)
	c := &company{o: o, url: fmt.Sprintf("https://%s:%d", o.address, ports[0]), secret: newSecret(), password: "Company-password-77"}
	o.writes(t, "company", c.secret)
	script := map[string]string{"realm.json": c.realm(t, broker), "certificate.pem": o.chain, "key.pem": o.key}
	created, err := o.docker.API().ContainerCreate(t.Context(),
		&container.Config{
			Image: o.trusting, User: "0", Entrypoint: []string{"bash", "-c", companyScript},
			Env: []string{
				"KC_HOSTNAME=" + c.url, "KC_HTTP_HOST=" + o.address, fmt.Sprintf("KC_HTTPS_PORT=%d", ports[0]), fmt.Sprintf("KC_HTTP_PORT=%d", ports[1]),
				"KC_HTTPS_CERTIFICATE_FILE=/tmp/certificate.pem", "KC_HTTPS_CERTIFICATE_KEY_FILE=/tmp/key.pem", "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx400m",
			},
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		&container.HostConfig{NetworkMode: "host"}, nil, nil, fmt.Sprintf("e2e-company-%d", time.Now().UnixNano()))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(o.said(created.ID))
		}
		require.NoError(t, o.docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	require.NoError(t, o.docker.API().CopyToContainer(t.Context(), created.ID, "/tmp", archive(t, script, 0), container.CopyToContainerOptions{}))
	require.NoError(t, o.docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	c.id = created.ID
	return c
}

// realm is the initial configuration of the company's Keycloak.
func (c *company) realm(t *testing.T, broker string) string {
	t.Helper()
	type object = map[string]any
	groups, users := []object{}, []object{}
	for username, who := range companyPeople {
		groups = append(groups, object{"name": who.group})
		users = append(users, object{
			"username": username, "email": who.email, "emailVerified": true, "enabled": true, "firstName": username, "lastName": "Company",
			"groups": []string{"/" + who.group}, "credentials": []object{{"type": "password", "value": c.password}},
		})
	}
	groups = groups[:0]
	for _, name := range []string{"ml-admins", "ml people", "sales"} {
		groups = append(groups, object{"name": name})
	}
	stack := strings.Split(broker, "/broker/")[0]
	text, err := json.Marshal(object{
		"realm": "company", "enabled": true, "groups": groups, "users": users,
		"clients": []object{{
			"clientId": "mlflow-stack", "secret": c.secret, "redirectUris": []string{broker}, "standardFlowEnabled": true,
			"attributes": object{"pkce.code.challenge.method": "S256"},
			"protocolMappers": []object{{
				"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
				"config": object{"full.path": "false", "claim.name": "roles", "id.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true"},
			}},
		}, {
			"clientId": stack, "protocol": "saml", "enabled": true, "redirectUris": []string{broker}, "fullScopeAllowed": false,
			"attributes": object{
				"saml.assertion.signature": "true", "saml.server.signature": "true", "saml.client.signature": "false", "saml.force.post.binding": "true",
				"saml_name_id_format": "persistent", "saml_assertion_consumer_url_post": broker, "saml.authnstatement": "true",
			},
			"protocolMappers": []object{
				{
					"name": "groups", "protocol": "saml", "protocolMapper": "saml-group-membership-mapper",
					"config": object{"attribute.name": "roles", "full.path": "false", "single": "true", "attribute.nameformat": "Basic"},
				},
				{
					"name": "mail", "protocol": "saml", "protocolMapper": "saml-user-property-mapper",
					"config": object{"user.attribute": "email", "attribute.name": "mail", "attribute.nameformat": "Basic"},
				},
			},
		}},
	})
	require.NoError(t, err)
	return string(text)
}

// client trusts the private authority.
func (o *outside) client() *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}}}
}

// publishes waits until a document exists and stores it in a file, as an operator does.
func (c *company) publishes(t *testing.T, path, file string) string {
	t.Helper()
	into := filepath.Join(c.o.secrets, file)
	require.Eventually(t, func() bool {
		answer, err := c.o.client().Get(c.url + path)
		if err != nil {
			return false
		}
		defer func() { _ = answer.Body.Close() }()
		content, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK && os.WriteFile(into, content, 0o600) == nil
	}, 10*time.Minute, time.Second, "the company's Keycloak did not start")
	return into
}

// by follows a provider's button and logs in there.
func (c *company) by(t *testing.T, b *browser.Browser, page *browser.Page, alias, username string) *browser.Page {
	t.Helper()
	page = sends(t, b, presses(t, b, page, "/broker/"+alias+"/login"), "SAMLRequest")
	require.Contains(t, browser.Bare(page.URL), c.url)
	return sends(t, b, types(t, b, page, "username", username, "password", c.password), "SAMLResponse")
}

// sends submits forms as a browser with scripts does, which is how SAML redirects.
func sends(t *testing.T, b *browser.Browser, page *browser.Page, field string) *browser.Page {
	t.Helper()
	for form := page.FormWith(field); form != nil; form = page.FormWith(field) {
		var err error
		page, err = b.Submit(t.Context(), form)
		require.NoError(t, err)
	}
	return page
}

// visitor is a browser of a user from the company, at Keycloak's form.
func (c *company) visitor(t *testing.T) (*browser.Browser, *browser.Page) {
	t.Helper()
	return begins(t, peopled.deployed, browser.RootCAs(c.o.roots))
}

// said is the text of a final page.
func said(page *browser.Page) string {
	return strings.Join(strings.Fields(page.TextOf("kc-error-message")), " ")
}
