//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// asAdministrator calls MLflow's API as the stack's demo administrator.
func asAdministrator(t *testing.T, stack outputs.Stack) func(method, path string, body any) map[string]any {
	t.Helper()
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == stack.Realm.AdminGroup })
	require.GreaterOrEqual(t, at, 0)
	token, err := scenario.Bearer(t.Context(), stack, openEngine(t), stack.DemoUsers[at])
	require.NoError(t, err)
	return func(method, path string, body any) map[string]any {
		t.Helper()
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(context.Background(), method, stack.MLflow.URL+path, bytes.NewReader(raw))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		require.Less(t, answer.StatusCode, 300, "%s %s", method, path)
		var made map[string]any
		_ = json.NewDecoder(answer.Body).Decode(&made)
		return made
	}
}

// inside runs a command in a container of the stack; standard input is no argument.
func inside(t *testing.T, container, stdin string, command ...string) {
	t.Helper()
	ran, err := openEngine(t).Exec(context.Background(), container, command, engine.Stdin(strings.NewReader(stdin)))
	require.NoError(t, err)
	require.NoError(t, ran.Err())
}

// inTables runs statements on MLflow's databases, as a user with the database does.
func inTables(t *testing.T, stack outputs.Stack, variable, statement string) {
	t.Helper()
	inside(t, stack.MLflow.Container, statement, "python", "-c", `
import os, sys, sqlalchemy
with sqlalchemy.create_engine(os.environ["`+variable+`"]).begin() as connection:
    connection.execute(sqlalchemy.text(sys.stdin.read()))
`)
}

func inPostgres(t *testing.T, stack outputs.Stack, statement string) {
	t.Helper()
	inside(t, stack.Postgres.Container, statement, "psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--set=ON_ERROR_STOP=1")
}

// openedPrivilege is a weakness: what opens and closes it, drift's name of it, and the finding of
// doctor.
type openedPrivilege struct {
	named, finding string
	open, shut     func(t *testing.T, stack outputs.Stack)
}

var openedPrivileges = []openedPrivilege{
	{"MLflow administrator e2e-robot", "mlflow-administrator", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		ask := asAdministrator(t, stack)
		ask(http.MethodPost, "/api/2.0/mlflow/users", map[string]any{"username": "e2e-robot", "display_name": "e2e", "is_admin": true, "is_service_account": true})
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		asAdministrator(t, stack)(http.MethodDelete, "/api/2.0/mlflow/users", map[string]any{"username": "e2e-robot"})
	}},
	{"SCIM token e2e-directory", "scim-token", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inTables(t, stack, "OIDC_USERS_DB_URI", "INSERT INTO scim_tokens (name, token_hash, token_prefix, created_at) VALUES ('e2e-directory', 'x', 'e2e', now())")
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inTables(t, stack, "OIDC_USERS_DB_URI", "DELETE FROM scim_tokens WHERE name = 'e2e-directory'")
	}},
	{"webhook e2e-webhook", "webhook", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inTables(t, stack, "MLFLOW_BACKEND_STORE_URI",
			"INSERT INTO webhooks (webhook_id, name, url, status, creation_timestamp, last_updated_timestamp, workspace) VALUES ('e2e', 'e2e-webhook', 'https://external.test/x', 'ACTIVE', 1, 1, 'default')")
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inTables(t, stack, "MLFLOW_BACKEND_STORE_URI", "DELETE FROM webhooks WHERE webhook_id = 'e2e'")
	}},
	{"permission pattern .* of group mlflow-users on experiments", "permission-pattern", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		asAdministrator(t, stack)(http.MethodPost, "/api/2.0/mlflow/permissions/groups/mlflow-users/experiment-patterns",
			map[string]any{"regex": ".*", "priority": 1, "permission": "MANAGE"})
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inTables(t, stack, "OIDC_USERS_DB_URI", "DELETE FROM experiment_group_regex_permissions WHERE regex = '.*'")
	}},
	{"Postgres role e2e-second", "postgres-role", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inPostgres(t, stack, `CREATE ROLE "e2e-second" SUPERUSER LOGIN`)
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inPostgres(t, stack, `DROP ROLE "e2e-second"`)
	}},
	{"folder /mlflow/artifacts", "artifacts-mode", func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inside(t, stack.MLflow.Container, "", "chmod", "777", "/mlflow/artifacts")
	}, func(t *testing.T, stack outputs.Stack) {
		t.Helper()
		inside(t, stack.MLflow.Container, "", "chmod", "700", "/mlflow/artifacts")
	}},
}

// Each undeclared privilege is reported by drift and is a finding of doctor; nothing else is, and
// nothing is left when all are removed.
func TestEveryUndeclaredPrivilegeIsNamedByDriftAndDoctorAndNothingElseIs(t *testing.T) {
	l := sharedLab(t)
	stack := runningStack(t)
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	h := keycloakEditor{t, stack}
	var want, findings []string
	var back []func()
	undo := func() {
		slices.Reverse(back)
		for _, one := range back {
			one()
		}
		back = nil
	}
	t.Cleanup(undo)
	for _, door := range openedPrivileges {
		door.open(t, stack)
		back = append(back, func() { door.shut(t, stack) })
		want, findings = append(want, door.named), append(findings, door.finding)
	}
	// A token contains the name of a nested group without its path.
	h.post(h.group("mlflow-users")+"/children", map[string]any{"name": "mlflow-admins"})
	nested := h.one(h.group("mlflow-users")+"/children", "name", "mlflow-admins")
	back = append(back, func() { h.send(http.MethodDelete, "/groups/"+nested, nil) })
	h.send(http.MethodPut, h.user("demo-member")+"/groups/"+nested, nil)
	want = append(want, "user demo-member in group mlflow-users/mlflow-admins", "realm groups mlflow-users")
	findings = append(findings, "nested-admin-group")

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code, got.stderr)
	var named []string
	for line := range strings.Lines(got.stdout) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ": ")
		named = append(named, name)
	}
	slices.Sort(named)
	slices.Sort(want)
	require.Equal(t, want, named, got.stdout)

	seen, err := l.run(t.Context(), "doctor", "--output", "json")
	require.NoError(t, err)
	var report struct{ Findings []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(seen.stdout), &report), seen.stderr)
	var ids []string
	for _, one := range report.Findings {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	slices.Sort(findings)
	require.Equal(t, findings, ids, seen.stdout)

	undo()
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
}
