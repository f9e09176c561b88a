//go:build e2e

package e2e

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// peopled is one stack for the tests of users from identity providers. Each adds its own settings
// and removes them.
var peopled = &common{make: newLab}

// In sequence on their stack, and in parallel with tests on others.
func TestListedUsersAndUsersOfIdentityProviders(t *testing.T) {
	nightly(t)
	t.Parallel()
	t.Run("listed people set their own password and no update touches it", listedPeopleSetTheirOwnPasswordAndNoUpdateTouchesIt)
	t.Run("people of an OpenID provider get access by its groups and take over no account", peopleOfAnOpenIDProviderGetAccessByItsGroupsAndTakeOverNoAccount)
	t.Run("people of a SAML provider get access by its groups and take over no account", peopleOfASAMLProviderGetAccessByItsGroupsAndTakeOverNoAccount)
	t.Run("people of a directory get access by its groups and take over no account", peopleOfADirectoryGetAccessByItsGroupsAndTakeOverNoAccount)
}

// outside are the external servers of a stack, all with TLS of a private authority that
// Keycloak's image trusts.
type outside struct {
	*servers
	chain, key string
	trusting   string
	roots      *x509.CertPool
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{servers: &servers{docker: openEngine(t), secrets: t.TempDir()}, roots: x509.NewCertPool()}
	o.address = hostFromContainers(t, o.docker)
	o.authority, o.chain, o.key = certificateFor(t, o.address)
	require.True(t, o.roots.AppendCertsFromPEM([]byte(o.authority)))
	seen, err := o.docker.API().ContainerInspect(t.Context(), peopled.up(t).name+"-keycloak")
	require.NoError(t, err)
	o.trusting = o.servers.trusting(t, "keycloak", seen.Image)
	return o
}

// settings are a lab's, which a test changes and restores.
type settings struct {
	l    *lab
	base string
}

// changes begins with the lab's settings, which the stack gets back at the end.
func changes(t *testing.T, l *lab) *settings {
	t.Helper()
	base, err := os.ReadFile(l.file)
	require.NoError(t, err)
	s := &settings{l, string(base)}
	t.Cleanup(func() { s.up(t, "", "") })
	return s
}

// write adds lines to the settings of the realm, and whole settings.
func (s *settings) write(t *testing.T, realm, more string) {
	t.Helper()
	text := strings.Replace(s.base, "    demoUsers: true\n", "    demoUsers: true\n"+realm, 1) + more
	require.NoError(t, os.WriteFile(s.l.file, []byte(text), 0o600))
}

func (s *settings) up(t *testing.T, realm, more string) ended {
	t.Helper()
	s.write(t, realm, more)
	return s.l.must(t, "up", "--no-verify")
}

// requireHealthy requires that the doctor checks providers and has no findings.
func requireHealthy(t *testing.T, l *lab) {
	t.Helper()
	got := l.must(t, "doctor", "--output", "json")
	require.Contains(t, got.stdout, "identity-providers")
}

// arrives returns how a login ended: as administrator, as member, or in MLflow's refusal.
func arrives(t *testing.T, deployed outputs.Stack, b *browser.Browser, page *browser.Page) string {
	t.Helper()
	if strings.Contains(browser.Bare(page.URL), "/oidc/ui/auth") {
		return page.URL.Query().Get("error")
	}
	require.Contains(t, browser.Bare(page.URL), deployed.MLflow.URL, "%s %s", page.Title(), page.TextOf("kc-error-message"))
	got, err := b.Open(t.Context(), deployed.MLflow.URL+"/api/2.0/mlflow/users/current")
	require.NoError(t, err)
	var who struct {
		Username string `json:"username"`
		Admin    bool   `json:"is_admin"`
	}
	require.NoError(t, json.Unmarshal(got.Body, &who), "%s", got.Body)
	if who.Admin {
		return "administrator " + who.Username
	}
	return "member " + who.Username
}

// begins is Keycloak's form at the start of a login.
func begins(t *testing.T, deployed outputs.Stack, options ...browser.Option) (*browser.Browser, *browser.Page) {
	t.Helper()
	b := browser.New(options...)
	t.Cleanup(b.Close)
	page, err := b.Open(t.Context(), deployed.MLflow.URL+"/login")
	require.NoError(t, err)
	return b, page
}

// types fills in a form and submits it.
func types(t *testing.T, b *browser.Browser, page *browser.Page, pairs ...string) *browser.Page {
	t.Helper()
	var names []string
	for i := 0; i < len(pairs); i += 2 {
		names = append(names, pairs[i])
	}
	form := page.FormWith(names...)
	require.NotNil(t, form, "no form with %q at %s: %s", names, browser.Bare(page.URL), page.Title())
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, form.Set(pairs[i], pairs[i+1]))
	}
	next, err := b.Submit(t.Context(), form)
	require.NoError(t, err)
	return next
}

// proceeds follows Keycloak's page that explains a link.
func proceeds(t *testing.T, b *browser.Browser, page *browser.Page) *browser.Page {
	t.Helper()
	if page.FormWith("password-new") != nil {
		return page
	}
	return presses(t, b, page, "/login-actions/")
}

// logsIn is the whole login of a user with a password.
func logsIn(t *testing.T, deployed outputs.Stack, username, password string) string {
	t.Helper()
	b, page := begins(t, deployed)
	page = types(t, b, page, "username", username, "password", password)
	if page.FormWith("username", "password") != nil {
		return "wrong password"
	}
	if strings.HasPrefix(browser.Bare(page.URL), deployed.Keycloak.URL) {
		return "not let out of Keycloak: " + page.Title()
	}
	return arrives(t, deployed, b, page)
}

// isNowhere requires that no file in the tool's home contains the secrets in plain text.
func isNowhere(t *testing.T, secrets ...string) {
	t.Helper()
	home := os.Getenv("MLFLOW_SSO_HOME")
	if home == "" {
		base, err := os.UserHomeDir()
		require.NoError(t, err)
		home = filepath.Join(base, ".local", "share", "mlflow-sso")
	}
	looked := 0
	for _, folder := range []string{"state", "stacks"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(home, folder), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil //nolint:nilerr // another test's stack goes meanwhile
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr // the same
			}
			looked++
			for i, secret := range secrets {
				encoded, _ := json.Marshal(secret)
				if strings.Contains(string(content), secret) || strings.Contains(string(content), strings.Trim(string(encoded), `"`)) {
					return fmt.Errorf("secret %d is in %s", i, path)
				}
			}
			return nil
		}))
	}
	require.Positive(t, looked)
}

// presses follows a link of a page whose address contains a text.
func presses(t *testing.T, b *browser.Browser, page *browser.Page, part string) *browser.Page {
	t.Helper()
	link := regexp.MustCompile(`href="([^"]*` + regexp.QuoteMeta(part) + `[^"]*)"`).FindSubmatch(page.Body)
	require.Len(t, link, 2, "no link with %s at %s: %s", part, browser.Bare(page.URL), page.Title())
	to, err := page.URL.Parse(html.UnescapeString(string(link[1])))
	require.NoError(t, err)
	page, err = b.Open(t.Context(), to.String())
	require.NoError(t, err)
	return page
}
