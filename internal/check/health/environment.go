package health

import "fmt"

// effect is what a wrong variable is called and does.
type effect struct{ id, does string }

// effects are the variables whose mistakes are known from the old deployment. Any other
// is "environment".
var effects = map[string]effect{
	"OIDC_ISSUER":                        {"issuer", "every login is refused: the issuer in tokens is another"},
	"OIDC_DISCOVERY_URL":                 {"discovery-url", "MLflow looks for Keycloak at the wrong place"},
	"OIDC_CLIENT_ID":                     {"client-id", "Keycloak says that it does not know the client"},
	"OIDC_CLIENT_SECRET":                 {"client-secret", "Keycloak refuses MLflow after the login form"},
	"OIDC_REDIRECT_URI":                  {"redirect-uri", "Keycloak refuses the way back from the login form"},
	"OIDC_SCOPE":                         {"scope", "e-mail or groups are missing from the tokens"},
	"OIDC_GROUPS_ATTRIBUTE":              {"groups-claim", "MLflow reads groups from a claim that no token has"},
	"OIDC_GROUP_NAME":                    {"group-name", "members are refused after a right password"},
	"OIDC_ADMIN_GROUP_NAME":              {"group-name", "administrators are refused, or are none"},
	"OIDC_AUDIENCE":                      {"audience", "access tokens are refused"},
	"OIDC_USERS_DB_URI":                  {"database-url", "MLflow cannot reach the database of permissions"},
	"MLFLOW_BACKEND_STORE_URI":           {"database-url", "MLflow cannot reach the database of runs"},
	"CACHE_REDIS_URL":                    {"redis-url", "MLflow cannot reach Redis, and looks every permission up in the database"},
	"SECRET_KEY":                         {"session-key", "sessions of another key are no longer known, and workers may disagree"},
	"MLFLOW_SERVER_ALLOWED_HOSTS":        {"allowed-hosts", "MLflow answers 403, Invalid Host header"},
	"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": {"cors-origin", "what a browser sends is answered with 403"},
	"TRUSTED_PROXIES":                    {"trusted-proxies", "MLflow does not believe the edge that it is asked in https"},
	"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": {"job-runner", "the job runner takes 1.4 GiB and calls back without credentials"},
	"KC_HOSTNAME":                        {"keycloak-hostname", "Keycloak's pages and the issuer have another address"},
	"SESSION_COOKIE_SECURE":              {"cookie", "the browser drops the session's cookie, or sends it in clear"},
}

func (d *doctor) judgeVariable(organ Component, variable string) Finding {
	e, known := effects[variable]
	if !known {
		e = effect{"environment", "the service is not set up as the program wants it"}
		if _, ours := d.Environments[d.container(organ)][variable]; !ours {
			e = effect{"environment-unknown", "the service is told something that the program does not know"}
		}
	}
	return Finding{
		ID: e.id, Component: organ,
		Summary: fmt.Sprintf("%s in %s is not what the program wrote: %s", variable, d.container(organ), e.does),
		Got:     "another value, or none (values are not shown)", Wanted: "the value that the program wrote",
		Cause: "variable " + variable + " of container " + d.container(organ), Fix: d.up("--refresh"),
	}
}
