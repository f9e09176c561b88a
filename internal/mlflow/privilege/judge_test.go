package privilege

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func settings() Declared {
	return Declared{
		Stack: outputs.Stack{
			MLflow: outputs.MLflow{Container: "x-mlflow", URL: "https://mlflow.test"}, Postgres: outputs.Service{Container: "x-postgres"},
			Realm: outputs.Realm{AdminGroup: "mlflow-admins"}, AccessAdmin: outputs.Client{ID: "mlflow-steward"},
			ServiceAccounts: []outputs.ServiceAccount{
				{Name: "ci", Username: "service-account-ci"}, {Name: "root", Username: "service-account-root", Admin: true},
			},
		},
		Rules: []accessrule.Rule{
			{Who: accessrule.Group, Name: "mlflow-users", Kind: accessrule.Experiment, Pattern: "a-*", Permission: "MANAGE"},
			{Who: accessrule.ServiceAccount, Name: "ci", Kind: accessrule.Model, Pattern: "churn", Permission: "EDIT"},
		},
	}
}

// proper is what a stack with these settings has.
func proper() Inventory {
	seen := Inventory{
		Users: []User{
			{Username: "ada@example.com", Admin: true, Tokens: 2},
			{Username: "mel@example.com", Tokens: 1},
			{Username: "service-account-ci", Service: true, Tokens: 1},
			{Username: "service-account-root", Service: true, Admin: true},
			{Username: "service-account-mlflow-steward", Service: true, Admin: true},
			{Username: "break-glass-1", Admin: true, BreakGlass: true, Tokens: 1},
		},
		Patterns: []Pattern{
			{Of: "group", Name: "mlflow-users", Kind: "experiment", Regex: accessrule.Pattern("a-*").Regex(), Permission: "MANAGE"},
			{Of: "serviceAccount", Name: "service-account-ci", Kind: "registered-model", Regex: accessrule.Pattern("churn").Regex(), Permission: "EDIT"},
		},
		Roles: []Role{
			{Name: "postgres", Login: true, Powers: []string{"SUPERUSER"}}, {Name: "mlflow", Login: true}, {Name: "mlflow_auth", Login: true}, {Name: "keycloak", Login: true},
		},
		Administrators: []string{"ada", "ada@example.com"},
	}
	_ = json.Unmarshal([]byte(`{"artifacts":{"folder":"/mlflow/artifacts","mode":448}}`), &seen)
	return seen
}

func TestWhatTheSettingsDeclareIsNotReported(t *testing.T) {
	require.Empty(t, settings().Judge(proper()))
}

func TestOnlyItsTargetDeclaresAWebhook(t *testing.T) {
	declared := settings()
	declared.Stack.MLflow.WebhookTargets = []string{"https://hooks.test", "http://ci.internal:8080"}
	for url, want := range map[string]int{
		"https://hooks.test/a?b=c": 0, "http://ci.internal:8080/x": 0, "http://hooks.test/a": 1, "https://hooks.test:444/a": 1,
		"https://hooks.test.evil.test": 1, "https://user:word@hooks.test/": 1, "https://evil.test/https://hooks.test": 1, "http://ci.internal/": 1,
	} {
		seen := proper()
		seen.Webhooks = []Webhook{{Name: "w", URL: url}}
		require.Len(t, declared.Judge(seen), want, url)
	}
}

func TestEachUndeclaredPrivilegeIsNamedOnceWithItsIDAndNextStep(t *testing.T) {
	for _, test := range []struct {
		id, resource, got string
		danger            bool
		open              func(*Inventory)
	}{
		{Administrator, "MLflow administrator eve@example.com", "1 valid token", true, func(i *Inventory) {
			i.Users = append(i.Users, User{Username: "eve@example.com", Admin: true, Tokens: 1})
		}},
		{Administrator, "MLflow administrator robot", "2 valid tokens", true, func(i *Inventory) {
			i.Users = append(i.Users, User{Username: "robot", Admin: true, Service: true, Tokens: 2})
		}},
		{Administrator, "MLflow administrator service-account-ci", "is administrator", true, func(i *Inventory) { i.Users[2].Admin = true }},
		{ServiceAccount, "MLflow service account robot", "0 valid tokens", false, func(i *Inventory) {
			i.Users = append(i.Users, User{Username: "robot", Service: true})
		}},
		{SCIMToken, "SCIM token directory", "users and groups", true, func(i *Inventory) { i.SCIMTokens = []string{"directory"} }},
		{WebhookID, "webhook w", "notifies other.test about", true, func(i *Inventory) {
			i.Webhooks = []Webhook{{Name: "w", URL: "https://user:word@other.test/hook?key=hidden"}}
		}},
		{PatternID, "permission pattern .* of group mlflow-users on experiments", "grants MANAGE", true, func(i *Inventory) {
			i.Patterns = append(i.Patterns, Pattern{Of: "group", Name: "mlflow-users", Kind: "experiment", Regex: ".*", Permission: "MANAGE"})
		}},
		{PatternID, "permission pattern .* of user mel@example.com on scorers", "grants READ", false, func(i *Inventory) {
			i.Patterns = append(i.Patterns, Pattern{Of: "user", Name: "mel@example.com", Kind: "scorer", Regex: ".*", Permission: "READ"})
		}},
		{PatternID, "permission pattern " + accessrule.Pattern("churn").Regex() + " of serviceAccount service-account-ci on registered-models", "grants MANAGE", true, func(i *Inventory) {
			i.Patterns[1].Permission = "MANAGE"
		}},
		{PostgresRole, "Postgres role other", "LOGIN, SUPERUSER", true, func(i *Inventory) {
			i.Roles = append(i.Roles, Role{Name: "other", Login: true, Powers: []string{"SUPERUSER"}})
		}},
		{PostgresRole, "Postgres role other", "no power", false, func(i *Inventory) { i.Roles = append(i.Roles, Role{Name: "other"}) }},
		{PostgresRole, "Postgres role mlflow", "member of pg_execute_server_program", true, func(i *Inventory) {
			i.Roles[1].Powers = []string{"member of pg_execute_server_program"}
		}},
		{NestedGroup, "user mel in group mlflow-users/mlflow-admins", "at the next login", true, func(i *Inventory) {
			i.Nested = []Member{{"mlflow-users/mlflow-admins", "mel"}}
		}},
		{ArtifactsMode, "folder /mlflow/artifacts", "0777", true, func(i *Inventory) { i.Artifacts.Mode = 0o777 }},
	} {
		seen := proper()
		test.open(&seen)

		found := settings().Judge(seen)

		require.Len(t, found, 1, test.resource)
		require.Equal(t, test.id, found[0].ID)
		require.Equal(t, test.resource, found[0].Resource)
		require.Contains(t, found[0].Got, test.got)
		require.Equal(t, test.danger, found[0].Danger, test.resource)
		require.NotEmpty(t, found[0].Next)
	}
}

func TestAWebhooksCredentialsAreNotShown(t *testing.T) {
	seen := proper()
	seen.Webhooks = []Webhook{{Name: "w", URL: "https://user:word@other.test/hook?key=hidden"}}

	found := settings().Judge(seen)

	require.NotContains(t, found[0].Got+found[0].Next+found[0].Resource, "word")
	require.NotContains(t, found[0].Got+found[0].Next+found[0].Resource, "hidden")
}

func TestAbsentFoldersAndPostgresAreNotReported(t *testing.T) {
	seen := proper()
	seen.Artifacts, seen.Roles = nil, nil
	require.Empty(t, settings().Judge(seen))
}
