package privilege

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// Undeclared is a privilege that no setting declares.
type Undeclared struct {
	// ID is stable: programs match on it. It is a finding of doctor if Danger is set.
	ID string
	// Resource names the object, Kind is its kind.
	Resource, Kind string
	// Got is its privilege.
	Got string
	// Next is what an operator does about it, Command the command for it, if any.
	Next, Command string
	// Danger reports that it gives access, leaks data or raises privileges.
	Danger bool
}

// Declared is what a stack's settings declare.
type Declared struct {
	Stack outputs.Stack
	Rules []accessrule.Rule
}

// The IDs.
const (
	Administrator  = "mlflow-administrator"
	ServiceAccount = "mlflow-service-account"
	SCIMToken      = "scim-token"
	WebhookID      = "webhook"
	PatternID      = "permission-pattern"
	PostgresRole   = "postgres-role"
	NestedGroup    = "nested-admin-group"
	ArtifactsMode  = "artifacts-mode"
)

// Judge returns what is not declared, sorted by kind and name.
func (d Declared) Judge(seen Inventory) []Undeclared {
	all := slices.Concat(d.users(seen), scimTokens(seen), d.webhooks(seen), d.patterns(seen), d.roles(seen), d.nested(seen), d.artifacts(seen))
	slices.SortStableFunc(all, func(a, b Undeclared) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Resource, b.Resource)) })
	return all
}

// account returns the declared service account of a user name.
func (d Declared) account(name string) (outputs.ServiceAccount, bool) {
	if id := d.Stack.AccessAdmin.ID; id != "" && strings.EqualFold(name, realm.ServiceAccountUsername(id)) {
		return outputs.ServiceAccount{Username: name, Admin: true}, true
	}
	for _, account := range d.Stack.ServiceAccounts {
		if strings.EqualFold(account.Username, name) {
			return account, true
		}
	}
	return outputs.ServiceAccount{}, false
}

func (d Declared) users(seen Inventory) (found []Undeclared) {
	for _, u := range seen.Users {
		account, declared := d.account(u.Username)
		switch {
		case u.BreakGlass, declared && (account.Admin || !u.Admin):
		case u.Admin && !slices.Contains(seen.Administrators, strings.ToLower(u.Username)):
			found = append(found, Undeclared{
				ID: Administrator, Resource: "MLflow administrator " + u.Username, Kind: "mlflow user", Danger: true,
				Got: fmt.Sprintf("is administrator, is not in group %s, and has %s", d.Stack.Realm.AdminGroup, count(u.Tokens, "valid token")),
				Next: fmt.Sprintf("open %s/oidc/ui as administrator, revoke the tokens there and remove the account, or add the user to group %s",
					d.Stack.MLflow.URL, d.Stack.Realm.AdminGroup),
			})
		case u.Service && !declared:
			found = append(found, Undeclared{
				ID: ServiceAccount, Resource: "MLflow service account " + u.Username, Kind: "mlflow user", Danger: u.Tokens > 0,
				Got:  "is not in `serviceAccounts`, and has " + count(u.Tokens, "valid token"),
				Next: "declare it in `serviceAccounts`, or remove it at " + d.Stack.MLflow.URL + "/oidc/ui",
			})
		}
	}
	return found
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func scimTokens(seen Inventory) (found []Undeclared) {
	for _, name := range seen.SCIMTokens {
		found = append(found, Undeclared{
			ID: SCIMToken, Resource: "SCIM token " + name, Kind: "mlflow token", Danger: true, Got: "may create and change users and groups of MLflow",
			Next: "no setting uses one; revoke it as administrator: DELETE /api/2.0/mlflow/scim/tokens/{id}, or on MLflow's page of SCIM",
		})
	}
	return found
}

// webhooks to a target in the settings are declared by it.
func (d Declared) webhooks(seen Inventory) (found []Undeclared) {
	for _, w := range seen.Webhooks {
		if d.allows(w.URL) {
			continue
		}
		host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(w.URL, "https://"), "http://"), "/")
		if at := strings.LastIndex(host, "@"); at >= 0 {
			host = host[at+1:] // the part before it is a login
		}
		found = append(found, Undeclared{
			ID: WebhookID, Resource: "webhook " + w.Name, Kind: "mlflow webhook", Danger: true, Got: "notifies " + host + " about models and prompts",
			Next: "remove it as administrator on MLflow's page of webhooks if no one needs it",
		})
	}
	return found
}

func (d Declared) allows(webhook string) bool {
	u, err := url.Parse(webhook)
	return err == nil && u.User == nil && slices.Contains(d.Stack.MLflow.WebhookTargets, u.Scheme+"://"+u.Host)
}

func (d Declared) patterns(seen Inventory) (found []Undeclared) {
	for _, p := range seen.Patterns {
		if d.declares(p) {
			continue
		}
		found = append(found, Undeclared{
			ID: PatternID, Resource: fmt.Sprintf("permission pattern %s of %s %s on %ss", p.Regex, p.Of, p.Name, p.Kind), Kind: "mlflow permission",
			Got: "grants " + p.Permission, Danger: p.Permission == "EDIT" || p.Permission == "MANAGE",
			Next: "declare it in `access`, or remove it as administrator at " + d.Stack.MLflow.URL + "/oidc/ui",
		})
	}
	return found
}

func (d Declared) declares(p Pattern) bool {
	return slices.ContainsFunc(d.Rules, func(r accessrule.Rule) bool {
		name := r.Name
		if r.Who == accessrule.ServiceAccount {
			name = realm.ServiceAccountUsername(name)
		}
		return string(r.Who) == p.Of && strings.EqualFold(name, p.Name) && string(r.Kind) == p.Kind && r.Pattern.Regex() == p.Regex && r.Permission == p.Permission
	})
}

// superuser is Postgres's own; it can only log in over the socket in its container.
const superuser = "postgres"

func (d Declared) roles(seen Inventory) (found []Undeclared) {
	ours := []string{"keycloak", "mlflow", "mlflow_auth"}
	for _, r := range seen.Roles {
		mine := slices.Contains(ours, r.Name)
		if r.Name == superuser || mine && len(r.Powers) == 0 {
			continue
		}
		powers := slices.Clone(r.Powers)
		if r.Login {
			powers = append([]string{"LOGIN"}, powers...)
		}
		statement := `DROP ROLE "` + r.Name + `"`
		if mine {
			statement = `ALTER ROLE "` + r.Name + `" NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS`
		}
		command := fmt.Sprintf("docker exec %s psql --host=/tmp/postgresql --username=postgres --command='%s'", d.Stack.Postgres.Container, statement)
		found = append(found, Undeclared{
			ID: PostgresRole, Resource: "Postgres role " + r.Name, Kind: "postgres role", Danger: len(powers) > 0, Got: "has " + cmp.Or(strings.Join(powers, ", "), "no power"), Next: "`" + command + "` if no one needs it", Command: command,
		})
	}
	return found
}

func (d Declared) nested(seen Inventory) (found []Undeclared) {
	for _, m := range seen.Nested {
		found = append(found, Undeclared{
			ID: NestedGroup, Resource: fmt.Sprintf("user %s in group %s", m.Username, m.Group), Kind: "keycloak member", Danger: true,
			Got:  "becomes administrator of MLflow at the next login, since tokens carry the name of a group without its path",
			Next: "remove the group " + m.Group + " in Keycloak's console",
		})
	}
	return found
}

// othersMay are the mode bits that give access to the group or others.
const othersMay = 0o077

func (d Declared) artifacts(seen Inventory) []Undeclared {
	if seen.Artifacts == nil || seen.Artifacts.Mode&othersMay == 0 {
		return nil
	}
	command := fmt.Sprintf("docker exec %s chmod 700 %s", d.Stack.MLflow.Container, seen.Artifacts.Folder)
	return []Undeclared{{
		ID: ArtifactsMode, Resource: "folder " + seen.Artifacts.Folder, Kind: "mlflow artifacts", Danger: true,
		Got: fmt.Sprintf("has mode %#o, want 0700", seen.Artifacts.Mode), Next: "`" + command + "`", Command: command,
	}}
}
