package health

import (
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// effect is the ID and the effect of a wrong variable.
type effect struct {
	id   check.ID
	does string
}

// effects are variables with known mistakes, from earlier deployments. Any other gets
// "environment".
var effects = map[string]effect{
	"OIDC_ISSUER":                        {Issuer, "every login is refused: the issuer in tokens is another"},
	"OIDC_DISCOVERY_URL":                 {DiscoveryURL, "MLflow uses the wrong address of Keycloak"},
	"OIDC_CLIENT_ID":                     {ClientID, "Keycloak says that it does not know the client"},
	"OIDC_CLIENT_SECRET":                 {ClientSecret, "Keycloak refuses MLflow after the login form"},
	"OIDC_REDIRECT_URI":                  {RedirectURI, "Keycloak refuses to redirect back to MLflow after the login form"},
	"OIDC_SCOPE":                         {Scope, "e-mail or groups are missing from the tokens"},
	"OIDC_GROUPS_ATTRIBUTE":              {GroupsClaim, "MLflow reads groups from a claim that no token has"},
	"OIDC_GROUP_NAME":                    {GroupName, "members are refused after a correct password"},
	"OIDC_ADMIN_GROUP_NAME":              {GroupName, "administrators are refused, or have no rights"},
	"OIDC_AUDIENCE":                      {Audience, "access tokens are refused"},
	"OIDC_USERS_DB_URI":                  {DatabaseURL, "MLflow cannot reach the database of permissions"},
	"MLFLOW_BACKEND_STORE_URI":           {DatabaseURL, "MLflow cannot reach the database of runs"},
	"CACHE_REDIS_URL":                    {RedisURL, "MLflow cannot reach Redis, and reads every permission from the database"},
	"SECRET_KEY":                         {SessionKey, "sessions signed with another key are lost, and workers may disagree"},
	"MLFLOW_SERVER_ALLOWED_HOSTS":        {AllowedHosts, "MLflow answers 403, Invalid Host header"},
	"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": {CORSOrigin, "a browser's requests are answered with 403"},
	"TRUSTED_PROXIES":                    {TrustedProxies, "MLflow does not accept the edge's headers, and treats requests as plain http"},
	"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": {JobRunner, "the job runner takes 1.4 GiB and calls back without credentials"},
	"KC_HOSTNAME":                        {KeycloakHostname, "Keycloak's pages and the issuer have another address"},
	"SESSION_COOKIE_SECURE":              {Cookie, "the browser drops the session's cookie, or sends it unencrypted"},
}

func (d *doctor) judgeVariable(component Component, variable string) Finding {
	e, known := effects[variable]
	if !known {
		e = effect{Environment, "the service is not configured as the program wants it"}
		if _, ours := d.Environments[d.container(component)][variable]; !ours {
			e = effect{EnvironmentUnknown, "the program did not set this variable"}
		}
	}
	return Finding{
		ID: e.id, Component: component,
		Summary: fmt.Sprintf("%s in %s is not what the program wrote: %s", variable, d.container(component), e.does),
		Got:     "another value, or none (values are not shown)", Wanted: "the value that the program wrote",
		Cause: "variable " + variable + " of container " + d.container(component), Fix: d.up("--refresh"),
	}
}
