package login

import "github.com/mlflow-sso/mlflow-sso/internal/check"

// The IDs of the checks. Each is a heading of [check.Docs].
const (
	Containers        check.ID = "containers"
	Certificate       check.ID = "certificate"
	Versions          check.ID = "versions"
	Discovery         check.ID = "discovery"
	ClosedPaths       check.ID = "closed-paths"
	Administrators    check.ID = "administrators"
	Users             check.ID = "users"
	Anonymous         check.ID = "anonymous"
	LoginRequest      check.ID = "login-request"
	PKCE              check.ID = "pkce"
	RedirectURI       check.ID = "redirect-uri"
	WrongPassword     check.ID = "wrong-password"
	LoginAdmin        check.ID = "login-admin"
	LoginMember       check.ID = "login-member"
	LoginOutsider     check.ID = "login-outsider"
	AdminRoute        check.ID = "admin-route"
	AccessToken       check.ID = "access-token"
	GroupsClaim       check.ID = "groups-claim"
	UnsignedToken     check.ID = "unsigned-token"
	TamperedToken     check.ID = "tampered-token"
	PermissionCache   check.ID = "permission-cache"
	IdentitySync      check.ID = "identity-sync"
	PasswordGrant     check.ID = "password-grant"
	RedisPassword     check.ID = "redis-password"
	DataVolumes       check.ID = "data-volumes"
	ArtifactStore     check.ID = "artifact-store"
	DatabaseAccess    check.ID = "database-access"
	DefaultPasswords  check.ID = "default-passwords"
	ServiceAccounts   check.ID = "service-accounts"
	OtherAudience     check.ID = "other-audience"
	Logout            check.ID = "logout"
	IdentityProviders check.ID = "identity-providers"
	Cleanup           check.ID = "cleanup"
)

// about says what each check proves.
var about = map[check.ID]string{
	Containers:        "Every container of the stack runs and is healthy.",
	Certificate:       "The edge answers on both public names with certificates that a client trusts, and sends HSTS.",
	Versions:          "MLflow's image has the versions of MLflow and of its OIDC plugin that the stack needs, or later ones.",
	Discovery:         "Browsers get public addresses of Keycloak and MLflow gets private ones, with the same issuer.",
	ClosedPaths:       "The edge refuses the paths that only an operator needs, which answer on the host itself.",
	Administrators:    "Realm master has the stack's settings and no administrator that the stack did not create.",
	Users:             "There is one user for each way a login can end: demo users, or temporary ones.",
	Anonymous:         "MLflow's API refuses a client without credentials.",
	LoginRequest:      "MLflow's login uses the code flow with PKCE (S256), a state and a nonce, and returns to its own address.",
	PKCE:              "Keycloak refuses a login without a code challenge, or with a plain one.",
	RedirectURI:       "Keycloak sends a code to the registered address only.",
	WrongPassword:     "A wrong password gets Keycloak's form again and no session; the right one logs in.",
	LoginAdmin:        "A user in the administrators' group becomes an MLflow administrator.",
	LoginMember:       "A user in the users' group becomes an MLflow user, not an administrator.",
	LoginOutsider:     "A user in neither group passes Keycloak and is refused by MLflow.",
	AdminRoute:        "Only an administrator can list all users.",
	AccessToken:       "MLflow's API accepts an access token that Keycloak signed.",
	GroupsClaim:       "The access token has the user's group by its plain name, MLflow's audience, and a lifetime of at least five minutes.",
	UnsignedToken:     "MLflow's API refuses the same token without its signature.",
	TamperedToken:     "MLflow's API refuses the same token with other claims or another signature.",
	PermissionCache:   "MLflow stores decisions about permissions in Redis.",
	IdentitySync:      "The identity sync has just compared MLflow's users with Keycloak's.",
	PasswordGrant:     "Keycloak issues no token for a name and a password outside its login form.",
	RedisPassword:     "Redis refuses a client without the password, or with a wrong one.",
	DataVolumes:       "The data volumes are those that the stack created.",
	ArtifactStore:     "MLflow writes, reads and deletes in the external object store, and a client without a key reads nothing there.",
	DatabaseAccess:    "MLflow's roles open only their own databases at the external Postgres.",
	DefaultPasswords:  "MLflow and Keycloak refuse their well-known default passwords.",
	ServiceAccounts:   "Each service account gets a token, and MLflow knows the account by it.",
	OtherAudience:     "MLflow refuses a token of a service account that is for another audience.",
	Logout:            "A logout ends the session in MLflow and in Keycloak, also for a copy of the cookie.",
	IdentityProviders: "Keycloak reaches every identity provider, and each matches the settings.",
	Cleanup:           "Every session of the run is ended, and every temporary user is deleted.",
}
