package mlflow

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// environment is the complete configuration of the server. The plugin parses any text as a list
// or a boolean and silently falls back to a default, so code writes every value.
func (a *Args) environment() map[string]pulumi.StringInput {
	env := map[string]pulumi.StringInput{
		"MLFLOW_BACKEND_STORE_URI": a.Backend.URI(),
		"MLFLOW_WORKERS":           pulumi.String(strconv.Itoa(a.Workers)),
		// The job runner takes 1.4 GiB and calls back without credentials.
		"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": no,
		"MLFLOW_DISABLE_TELEMETRY":           yes,
		// Members could make the server call addresses of their choice, and block it
		// (images/mlflow: disabled_features.py); outgoing enables it within bounds.
		"MLFLOW_ENABLE_AI_GATEWAY":    no,
		"OIDC_GEN_AI_GATEWAY_ENABLED": no,
		// Empty, not unset: the default fetches lists of models from a public host, and retries
		// for an hour without internet access.
		"MLFLOW_MODEL_CATALOG_URI":            pulumi.String(""),
		"MLFLOW_SERVER_ALLOWED_HOSTS":         pulumi.String(strings.Join(a.allowedHosts(), ",")),
		"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS":  pulumi.String(a.Public.String()),
		"MLFLOW_CRYPTO_KEK_PASSPHRASE":        a.GatewayKey, // the default is the same everywhere
		"OIDC_USERS_DB_URI":                   a.Auth.URI(),
		"OIDC_CLIENT_ID":                      pulumi.String(a.OIDC.ID),
		"OIDC_CLIENT_SECRET":                  a.OIDC.Secret,
		"OIDC_DISCOVERY_URL":                  pulumi.String(a.OIDC.DiscoveryURL),
		"OIDC_ISSUER":                         pulumi.String(a.OIDC.Issuer),
		"OIDC_AUDIENCE":                       pulumi.String(a.OIDC.ID),
		"OIDC_REDIRECT_URI":                   pulumi.String(a.OIDC.RedirectURI),
		"OIDC_SCOPE":                          pulumi.String("openid profile email"),
		"OIDC_CODE_CHALLENGE":                 pulumi.String("S256"),
		"OIDC_GROUPS_ATTRIBUTE":               pulumi.String(a.OIDC.GroupsClaim),
		"OIDC_GROUP_NAME":                     pulumi.String(a.OIDC.UserGroup),
		"OIDC_ADMIN_GROUP_NAME":               pulumi.String(a.OIDC.AdminGroup),
		"OIDC_PROVISION_ON_BEARER_AUTH":       no,
		"OIDC_TRUST_BEARER_GROUP_CLAIMS":      no,
		"SECRET_KEY":                          a.SessionKey,
		"SESSION_TOKEN_ENCRYPTION_KEY":        a.SessionTokenKey,
		"SESSION_COOKIE_NAME":                 pulumi.String(a.cookieName()),
		"SESSION_COOKIE_SECURE":               pulumi.String(strconv.FormatBool(a.Public.TLS())),
		"SESSION_COOKIE_SAMESITE":             pulumi.String("lax"),
		"DEFAULT_MLFLOW_PERMISSION":           pulumi.String(a.DefaultPermission),
		"AUTOMATIC_LOGIN_REDIRECT":            yes,
		"DEFAULT_LANDING_PAGE_IS_PERMISSIONS": no,
		"CACHE_BACKEND":                       pulumi.String("redis"),
		"CACHE_REDIS_URL":                     a.Cache.URL(),
	}
	if a.Contact != "" {
		env["MLFLOW_SSO_CONTACT"] = pulumi.String(a.Contact)
	}
	if a.GatewayKeyNumber > 1 {
		env["MLFLOW_CRYPTO_KEK_VERSION"] = pulumi.String(strconv.Itoa(a.GatewayKeyNumber))
	}
	if a.Cache.Prefix != "" {
		env["CACHE_KEY_PREFIX"] = pulumi.String(a.Cache.Prefix)
	}
	a.artifacts(env)
	a.outgoing(env)
	if a.EdgeAddress.IsValid() {
		env["TRUSTED_PROXIES"] = pulumi.String(netip.PrefixFrom(a.EdgeAddress, a.EdgeAddress.BitLen()).String())
	}
	return env
}

const (
	yes = pulumi.String("true")
	no  = pulumi.String("false")
)

// allowedHosts are the Host headers that the server accepts: the browser's, the private
// network's, the health check's, and this host's own if the server is published on it. They
// replace a default that accepts every private address and no public name.
func (a *Args) allowedHosts() []string {
	hosts := []string{a.Public.Host()}
	more := []string{"mlflow", fmt.Sprintf("mlflow:%d", port), fmt.Sprintf("127.0.0.1:%d", port)}
	if !a.EdgeAddress.IsValid() {
		more = append(more, fmt.Sprintf("localhost:%d", a.Port), fmt.Sprintf("127.0.0.1:%d", a.Port))
	}
	for _, host := range more {
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// cookieName binds the cookie to the exact host if a browser can enforce it: browsers refuse the
// prefix over plain http.
func (a *Args) cookieName() string {
	if a.Public.TLS() {
		return "__Host-mlflow"
	}
	return "mlflow"
}
