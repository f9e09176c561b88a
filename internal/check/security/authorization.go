package security

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// neighbours are attacks of a signed-in member.
func (c *suite) neighbours() []attack {
	const next = "check the permissions of the experiment or model in MLflow, group patterns, and mlflow.defaultPermission"
	return []attack{
		{
			name: "admin-routes", tries: "a member requests what only administrators may: users, permissions, group patterns, the trash",
			control: "an administrator is not refused", defence: "the plugin checks `is_admin`", next: "check who is administrator: *Permissions* in MLflow, and the group in Keycloak", run: c.adminRoutes,
		},
		{
			name: "cross-user-read", tries: "a member reads another member's experiment, run, files, model and version by ID, through every spelling of the API and by search, and the run through GraphQL",
			control: "the owner reads a marker there with the same request", defence: "the plugin's permission on each resource, `NO_PERMISSIONS` by default; other objects and routes: `every-route-with-foreign-ids`", next: next, run: c.readOthers,
		},
		{
			name: "cross-user-write", tries: "a member changes or deletes another member's experiment, run, files, model and version, or grants themselves access",
			control: "the owner can do each of these afterwards", defence: "the plugin's permission on each resource", needs: []check.ID{"cross-user-read"}, next: next, run: c.changeOthers,
		},
	}
}

// attempt is one request for another user's objects.
type attempt struct {
	method, path string
	body         any
}

func (a attempt) String() string {
	path, _, _ := strings.Cut(a.path, "?")
	return a.method + " " + path
}

func (c *suite) adminRoutes(ctx context.Context) (string, error) {
	admin, err := c.visit.Token(ctx, c.admin)
	if err != nil {
		return "", check.NotRun(err)
	}
	unknownUser := "mlflow-sso-attack-unknown@example.com"
	all := []attempt{
		{http.MethodGet, peoplePath, nil},
		{http.MethodPost, api + "users", map[string]any{"username": unknownUser, "display_name": "", "is_admin": "not a truth value"}},
		{http.MethodPatch, api + "users/" + url.PathEscape(unknownUser) + "/active", map[string]any{"active": false}},
		{http.MethodDelete, api + "users", map[string]any{"username": unknownUser}},
		{http.MethodPost, api + "users/" + url.PathEscape(unknownUser) + "/tokens", map[string]any{"name": "x"}},
		{http.MethodPost, api + "permissions/groups", map[string]any{"group_name": ""}},
		{http.MethodGet, api + "permissions/groups/" + c.stack.Realm.UserGroup + "/experiment-patterns", nil},
		{http.MethodGet, api + "permissions/groups/" + c.stack.Realm.UserGroup + "/registered-models-patterns", nil},
		{http.MethodGet, "/oidc/trash/experiments", nil},
	}
	for _, a := range all {
		got, err := c.as(ctx, c.thiefToken, a.method, a.path, a.body)
		if err != nil {
			return "", err
		}
		if !got.refused() {
			return "", check.Mismatch(fmt.Sprintf("%d for a member's %s", got.status, a), "403")
		}
		if got, err = c.as(ctx, admin, a.method, a.path, a.body); err != nil {
			return "", err
		}
		if got.refused() || got.status >= http.StatusInternalServerError {
			return "", check.NotRun(fmt.Errorf("%d for an administrator's %s", got.status, a))
		}
	}
	return fmt.Sprintf("MLflow refuses a member %d requests that an administrator can make", len(all)), nil
}

// reads are requests whose response to the owner contains the marker, or the word.
func reads(t *fixtures) []attempt {
	const get, post = http.MethodGet, http.MethodPost
	one := func(name string) string { return "name='" + name + "'" }
	all := []attempt{
		{get, "/get-artifact?run_id=" + t.run + "&path=" + noteName, nil},
		{get, "/get-artifact?run_uuid=" + t.run + "&path=" + noteName, nil},
		{get, "/model-versions/get-artifact?name=" + t.model + "&version=1&path=" + noteName, nil},
	}
	for _, base := range []string{api, ajax} {
		proxy := strings.Replace(base, "mlflow/", "mlflow-artifacts/artifacts", 1)
		all = append(all,
			attempt{get, base + "experiments/get?experiment_id=" + t.experiment, nil},
			attempt{get, base + "experiments/get-by-name?experiment_name=" + t.experimentName, nil},
			attempt{post, base + "experiments/search", map[string]any{"max_results": 100, "filter": one(t.experimentName)}},
			attempt{get, base + "runs/get?run_id=" + t.run, nil},
			attempt{get, base + "runs/get?run_uuid=" + t.run, nil},
			attempt{post, base + "runs/search", map[string]any{"experiment_ids": []string{t.experiment}}},
			attempt{get, base + "registered-models/get?name=" + t.model, nil},
			attempt{get, base + "registered-models/search?filter=" + url.QueryEscape(one(t.model)), nil},
			attempt{get, base + "model-versions/get?name=" + t.model + "&version=1", nil},
			attempt{get, base + "model-versions/search?filter=" + url.QueryEscape(one(t.model)), nil},
			attempt{get, proxy + "/" + t.files() + "/" + noteName, nil},
		)
	}
	return append(all,
		attempt{get, ajax + "get-artifact?run_id=" + t.run + "&path=" + noteName, nil},
		attempt{post, "/graphql", map[string]any{
			"operationName": "MlflowGetRunQuery",
			"query":         "query MlflowGetRunQuery($d: MlflowGetRunInput!) { mlflowGetRun(input: $d) { run { data { tags { key value } } } } }",
			"variables":     map[string]any{"d": map[string]any{"runId": t.run}},
		}},
	)
}

func (c *suite) readOthers(ctx context.Context) (string, error) {
	owner, _, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	proved := 0
	for _, a := range reads(owner) {
		proper, err := c.as(ctx, c.ownerToken, a.method, a.path, a.body)
		if err != nil {
			return "", err
		}
		if proper.status == http.StatusNotFound || proper.status == http.StatusMethodNotAllowed {
			continue // this MLflow has no such spelling
		}
		if !strings.Contains(proper.body, owner.marker) {
			return "", check.NotRun(fmt.Errorf("%d and no marker for the owner's own %s", proper.status, a))
		}
		stolen, err := c.as(ctx, c.thiefToken, a.method, a.path, a.body)
		if err != nil {
			return "", err
		}
		if strings.Contains(stolen.body, owner.marker) {
			return "", check.Mismatch(fmt.Sprintf("another member's marker, with %d, for %s", stolen.status, a), "403, or an answer without it")
		}
		proved++
	}
	// Any user may request another's permissions; the response contains what both may see.
	grants := attempt{http.MethodGet, api + "permissions/users/" + url.PathEscape(c.owner.Email) + "/experiments", nil}
	for token, shown := range map[string]bool{c.ownerToken: true, c.thiefToken: false} {
		got, err := c.as(ctx, token, grants.method, grants.path, nil)
		switch {
		case err != nil:
			return "", err
		case shown && !strings.Contains(got.body, owner.experimentName):
			return "", check.NotRun(fmt.Errorf("%d and no experiment for the owner's own %s", got.status, grants))
		case !shown && strings.Contains(got.body, owner.experimentName):
			return "", check.Mismatch("the name of another member's experiment for "+grants.String(), "an answer without it")
		}
	}
	const least = 20
	if proved < least {
		return "", check.NotRun(fmt.Errorf("only %d requests returned the owner's objects, wanted %d", proved, least))
	}
	return fmt.Sprintf("%d requests return the objects to their owner only", proved), nil
}

// changes are in an order in which the owner could make all of them.
func changes(t *fixtures, thief string) []attempt {
	const post, patch, del = http.MethodPost, http.MethodPatch, http.MethodDelete
	version := map[string]any{"name": t.model, "version": "1"}
	with := func(more map[string]any) map[string]any {
		for key, value := range version {
			more[key] = value
		}
		return more
	}
	read := map[string]any{"permission": "READ"}
	return []attempt{
		{post, api + "experiments/set-experiment-tag", map[string]any{"experiment_id": t.experiment, "key": "k", "value": "v"}},
		{post, api + "runs/create", map[string]any{"experiment_id": t.experiment}},
		{post, api + "runs/set-tag", map[string]any{"run_id": t.run, "key": "k", "value": "v"}},
		{post, api + "runs/log-parameter", map[string]any{"run_id": t.run, "key": "k", "value": "v"}},
		{post, api + "runs/log-metric", map[string]any{"run_id": t.run, "key": "k", "value": 1, "timestamp": 1}},
		{post, api + "runs/log-batch", map[string]any{"run_id": t.run, "params": []map[string]string{{"key": "b", "value": "v"}}}},
		{post, api + "runs/update", map[string]any{"run_id": t.run, "status": "FINISHED"}},
		{http.MethodPut, artifacts + "/" + t.files() + "/more.txt", nil},
		{post, ajax + "upload-artifact?run_uuid=" + t.run + "&path=more.txt", map[string]any{}},
		{post, api + "model-versions/create", map[string]any{"name": t.model, "source": "mlflow-artifacts:/" + t.files(), "run_id": t.run}},
		{post, api + "registered-models/set-tag", map[string]any{"name": t.model, "key": "k", "value": "v"}},
		{post, api + "model-versions/set-tag", with(map[string]any{"key": "k", "value": "v"})},
		{patch, api + "registered-models/update", map[string]any{"name": t.model, "description": "d"}},
		{patch, api + "model-versions/update", with(map[string]any{"description": "d"})},
		{post, api + "registered-models/alias", with(map[string]any{"alias": "a"})},
		{post, api + "permissions/users/" + url.PathEscape(thief) + "/experiments/" + t.experiment, read},
		{post, api + "permissions/users/" + url.PathEscape(thief) + "/registered-models/" + t.model, read},
		{del, artifacts + "/" + t.files() + "/more.txt", nil},
		{del, api + "model-versions/delete", version},
		{del, api + "registered-models/delete", map[string]any{"name": t.model}},
		{post, api + "runs/delete", map[string]any{"run_id": t.run}},
		{post, api + "runs/restore", map[string]any{"run_id": t.run}},
		{post, api + "experiments/delete", map[string]any{"experiment_id": t.experiment}},
		{post, api + "experiments/restore", map[string]any{"experiment_id": t.experiment}},
	}
}

func (c *suite) changeOthers(ctx context.Context) (string, error) {
	// Use separate objects: later checks use the owner's.
	victim, err := c.makeThings(ctx, c.ownerToken)
	if err != nil {
		return "", check.NotRun(err)
	}
	all := changes(victim, c.thief.Email)
	for _, a := range all {
		got, err := c.as(ctx, c.thiefToken, a.method, a.path, a.body)
		if err != nil {
			return "", err
		}
		if !got.refused() {
			return "", check.Mismatch(fmt.Sprintf("%d for %s on another member's", got.status, a), "403")
		}
		if got, err = c.as(ctx, c.ownerToken, a.method, a.path, a.body); err != nil {
			return "", err
		}
		if got.status/100 != 2 {
			return "", check.NotRun(fmt.Errorf("%d for the owner's own %s", got.status, a))
		}
	}
	return fmt.Sprintf("%d changes are refused, and are the owner's right", len(all)), nil
}
