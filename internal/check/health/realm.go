package health

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
)

// inRealm is the admin API's description of the stack's realm. Missing objects are nil.
type inRealm struct {
	realm  *gocloak.RealmRepresentation
	client *gocloak.Client
	groups []string
	// locked are administrators locked by wrong passwords, with the number of failures.
	locked map[string]int
	// anyFree reports whether any administrator is not locked.
	anyFree bool
}

// checkRealm queries the admin API with the program's own service account.
func (d *doctor) checkRealm(ctx context.Context) ([]Finding, error) {
	seen, err := d.readRealm(ctx)
	if err != nil {
		return nil, fmt.Errorf("the admin API of Keycloak at %s: %w", d.Stack.Keycloak.AdminURL, err)
	}
	return d.judgeRealm(seen), nil
}

func (d *doctor) readRealm(ctx context.Context) (seen inRealm, err error) {
	name := d.Stack.Realm.Name
	api, err := admin.Open(ctx, d.Stack.Keycloak, checkTimeout)
	if err != nil {
		return seen, fmt.Errorf("log in as %s: %w", d.Stack.Keycloak.Provider.ID, err)
	}
	token := api.Token
	if seen.realm, err = api.GetRealm(ctx, token, name); err != nil {
		if admin.IsNotFound(err) {
			return inRealm{}, nil
		}
		return seen, err
	}
	clients, err := api.GetClients(ctx, token, name, gocloak.GetClientsParams{ClientID: &d.Stack.Realm.ClientID})
	if err != nil {
		return seen, err
	}
	if len(clients) == 1 {
		seen.client = clients[0]
	}
	groups, err := api.GetGroups(ctx, token, name, gocloak.GetGroupsParams{Max: gocloak.IntP(1000)})
	for _, group := range groups {
		seen.groups = append(seen.groups, gocloak.PString(group.Name))
		if gocloak.PString(group.Name) == d.Stack.Realm.AdminGroup && err == nil {
			seen.locked, seen.anyFree, err = lockedMembers(ctx, api.GoCloak, token, name, gocloak.PString(group.ID))
		}
	}
	return seen, err
}

// judgeRealm compares the realm with MLflow's configuration.
func (d *doctor) judgeRealm(seen inRealm) (found []Finding) {
	realm := "realm " + d.Stack.Realm.Name
	if seen.realm == nil {
		return []Finding{d.inside(RealmMissing, "Keycloak has no "+realm, "no such realm", "the realm", realm)}
	}
	if !gocloak.PBool(seen.realm.Enabled) {
		found = append(found, d.inside(RealmDisabled, realm+" is disabled: no one can log in", "disabled", "enabled", realm+", Enabled"))
	}
	ssl := "none"
	if strings.HasPrefix(d.Stack.Keycloak.URL, "https:") {
		ssl = "external"
	}
	if got := strings.ToLower(gocloak.PString(seen.realm.SslRequired)); got != ssl {
		found = append(found, d.inside(SSLRequired, "Keycloak requires https of other clients than it should", got, ssl, realm+", Require SSL (setting realm.sslRequired)"))
	}
	if seen.realm.Attributes != nil {
		if frontend := (*seen.realm.Attributes)["frontendUrl"]; frontend != "" {
			// An update only compares the attributes that the program sets.
			f := d.inside(FrontendURL, "the realm has its own frontend URL, so tokens have another issuer", frontend, "none", realm+", Frontend URL")
			f.Fix = d.console(realm + ", General: Frontend URL empty")
			found = append(found, f)
		}
	}
	for _, group := range []string{d.Stack.Realm.AdminGroup, d.Stack.Realm.UserGroup} {
		if !slices.Contains(seen.groups, group) {
			found = append(found, d.inside(GroupMissing, "there is no group "+group+": it was renamed or removed, and MLflow refuses its members",
				"groups "+strings.Join(seen.groups, ", "), group, "group "+group))
		}
	}
	found = append(found, d.judgeLocks(seen.locked, seen.anyFree)...)
	if seen.client == nil {
		return append(found, d.inside(ClientMissing, "Keycloak has no client "+d.Stack.Realm.ClientID+": it says Client not found", "no such client", "the client",
			"client "+d.Stack.Realm.ClientID))
	}
	return append(append(found, d.judgeClient(seen.client)...), d.judgeMappers(seen.client)...)
}

// inside returns a finding about an object in Keycloak, which an update with a refresh restores.
func (d *doctor) inside(id check.ID, what, got, wanted, cause string) Finding {
	return Finding{ID: id, Component: Realm, Summary: what, Got: got, Wanted: wanted, Cause: cause, Fix: d.up("--refresh")}
}

// console is for what an update does not see: the command that opens Keycloak's console.
func (d *doctor) console(where string) string {
	return fmt.Sprintf("%s console %s # and there: %s", d.Tool, d.Flags, where)
}

// judgeClient compares MLflow's client with the program's variables of MLflow.
func (d *doctor) judgeClient(c *gocloak.Client) (found []Finding) {
	mlflow := d.Environments[d.container(MLflow)]
	client := "client " + d.Stack.Realm.ClientID
	add := func(id check.ID, what, got, wanted, setting string) {
		found = append(found, d.inside(id, what, got, wanted, client+", "+setting))
	}
	if !gocloak.PBool(c.Enabled) {
		add(ClientDisabled, "MLflow's client is disabled", "disabled", "enabled", "Enabled")
	}
	if !gocloak.PBool(c.StandardFlowEnabled) {
		add(StandardFlowOff, "MLflow's client has the standard flow off: Keycloak refuses every login", "off", "on", "Standard flow")
	}
	if gocloak.PBool(c.PublicClient) {
		add(ClientPublic, "MLflow's client needs no secret: anyone with a code gets a token", "public", "confidential", "Client authentication")
	} else if gocloak.PString(c.Secret) != mlflow["OIDC_CLIENT_SECRET"] {
		add(ClientSecretChanged, "MLflow's client has another secret than MLflow: every login ends with invalid_client", "another secret", "the one that the program created", "Client secret")
	}
	uris := deref(c.RedirectURIs)
	if !slices.Contains(uris, mlflow["OIDC_REDIRECT_URI"]) {
		add(RedirectURIMissing, "MLflow's redirect URI is not registered: Keycloak says Invalid parameter: redirect_uri",
			strings.Join(uris, ", "), mlflow["OIDC_REDIRECT_URI"], "Valid redirect URIs")
	} else if len(uris) > 1 {
		add(RedirectURITooBroad, "Keycloak may send codes to other addresses than MLflow's", strings.Join(uris, ", "), mlflow["OIDC_REDIRECT_URI"], "Valid redirect URIs")
	}
	var pkce string
	if c.Attributes != nil {
		pkce = (*c.Attributes)["pkce.code.challenge.method"]
	}
	if wanted := mlflow["OIDC_CODE_CHALLENGE"]; pkce != wanted {
		add(PKCE, "Keycloak and MLflow disagree about PKCE", orNone(pkce), wanted, "Proof Key for Code Exchange")
		// Keycloak's provider never reads the method back, so no refresh detects a difference.
		found[len(found)-1].Fix = d.console(fmt.Sprintf("realm %s, %s, Advanced: %s", d.Stack.Realm.Name, client, wanted))
	}
	return found
}

// judgeMappers requires the mappers that add a user's groups, and MLflow as the audience, to the
// tokens.
func (d *doctor) judgeMappers(c *gocloak.Client) (found []Finding) {
	claim := d.Environments[d.container(MLflow)]["OIDC_GROUPS_ATTRIBUTE"]
	var groups, audience *gocloak.ProtocolMapperRepresentation
	for _, m := range deref(c.ProtocolMappers) {
		switch gocloak.PString(m.ProtocolMapper) {
		case "oidc-group-membership-mapper":
			groups = &m
		case "oidc-audience-mapper":
			audience = &m
		}
	}
	add := func(id check.ID, what, got, wanted, mapper string) {
		found = append(found, d.inside(id, what, got, wanted, "client "+d.Stack.Realm.ClientID+", mapper "+mapper))
	}
	if audience == nil {
		add(AudienceMapperMissing, "access tokens are not for MLflow, which refuses them", "no such mapper", "one", "audience")
	}
	if groups == nil {
		add(GroupsMapperMissing, "tokens carry no groups: MLflow says User is not allowed to login", "no such mapper", "one", "groups")
		return found
	}
	config := map[string]string{}
	if groups.Config != nil {
		config = *groups.Config
	}
	if got := config["full.path"]; got != "false" {
		add(GroupsFullPath, "groups begin with a slash, which MLflow does not expect: it says User is not allowed to login", "full.path "+orNone(got), "full.path false", "groups")
	}
	if got := config["claim.name"]; got != claim {
		add(GroupsClaimName, "groups are in another claim than MLflow reads: it says User is not allowed to login", orNone(got), claim, "groups")
	}
	for _, in := range []string{"id.token.claim", "access.token.claim", "userinfo.token.claim"} {
		if config[in] != "true" {
			add(GroupsClaimNotInToken, "groups are not in the token that MLflow reads", in+" "+orNone(config[in]), in+" true", "groups")
			break
		}
	}
	return found
}

func deref[T any](list *[]T) []T {
	if list == nil {
		return nil
	}
	return *list
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
