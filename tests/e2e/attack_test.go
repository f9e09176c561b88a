//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/check/security"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

// attackOn runs every attack; when until has run, ctx ends.
func attackOn(t *testing.T, stack outputs.Stack, until string) check.Report {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	got, err := security.Run(ctx, stack, openEngine(t), check.Observer{Ended: func(c check.Result) {
		t.Logf("%-26s %-8s %5.1fs %s%s %s", c.ID, c.Status, c.Took.Seconds(), c.Detail, c.Reason, c.Got)
		if string(c.ID) == until {
			stop()
		}
	}})
	require.NoError(t, err)
	return got
}

func requireNothingFound(t *testing.T, stack outputs.Stack) {
	t.Helper()
	before := traces(t, stack)

	got := attackOn(t, stack, "")

	require.Empty(t, fallen(got, check.StatusFailed))
	require.Empty(t, fallen(got, check.StatusNotRun))
	require.True(t, got.OK())
	require.Len(t, got.Checks, len(security.Suite(stack).Checks))
	require.Equal(t, before, traces(t, stack))
}

func TestNoAttackOnAStackOnLocalhostGetsThrough(t *testing.T) {
	nightly(t)
	requireNothingFound(t, runningStack(t))
}

func TestAnInterruptedAttackLeavesNothingBehind(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	before := traces(t, stack)

	got := attackOn(t, stack, "cross-user-write")

	require.Contains(t, fallen(got, check.StatusNotRun), "disabled-user")
	require.Empty(t, fallen(got, check.StatusFailed))
	require.Equal(t, check.StatusPassed, got.Checks[len(got.Checks)-1].Status)
	require.Equal(t, before, traces(t, stack))
}

// traces are objects that attacks created: users, clients, experiments, models, containers.
func traces(t *testing.T, stack outputs.Stack) []string {
	t.Helper()
	all := temporaryUsers(t, stack)
	client, token := keycloakAdmin(t, stack)
	for _, realm := range []string{stack.Realm.Name, "master"} {
		found, err := client.GetClients(t.Context(), token, realm, gocloak.GetClientsParams{ClientID: gocloak.StringP("mlflow-sso-attack-"), Search: gocloak.BoolP(true)})
		require.NoError(t, err)
		for _, one := range found {
			all = append(all, "client: "+gocloak.PString(one.ClientID))
		}
	}
	const script = `
import os
from sqlalchemy import create_engine, text
for variable, queries in {
    "MLFLOW_BACKEND_STORE_URI": ["select 'experiment', name from experiments", "select 'model', name from registered_models",
                                 "select 'folder', artifact_location from experiments where name like 'mlflow-sso-attack-%'",
                                 "select 'dataset', name from evaluation_datasets", "select 'server', name from mcp_servers"],
    "OIDC_USERS_DB_URI": ["select 'grant', name from registered_model_permissions"],
}.items():
    with create_engine(os.environ[variable]).connect() as connection:
        for query in queries:
            for row in connection.execute(text(query)):
                if "mlflow-sso-attack-" in str(row[1]) or row[0] == "folder":
                    print(*row)
print("folders", len(os.listdir("/mlflow/artifacts")))
`
	ran, err := openEngine(t).Exec(t.Context(), stack.MLflow.Container, []string{"python", "-c", script})
	require.NoError(t, err)
	require.NoError(t, ran.Err())
	all = append(all, strings.Split(strings.TrimSpace(ran.Stdout), "\n")...)
	containers, err := openEngine(t).API().ContainerList(t.Context(), container.ListOptions{All: true})
	require.NoError(t, err)
	for _, one := range containers {
		if strings.Contains(one.Names[0], stack.Deployment+"-attack-") {
			all = append(all, "container: "+one.Names[0])
		}
	}
	return all
}

// Every opened weakness is found, and nothing else is reported.
func TestEachOpenedWeaknessFailsItsOwnAttack(t *testing.T) {
	nightly(t)
	stack := runningStack(t)
	doors := map[string]func(*testing.T, outputs.Stack){
		"open-ports":        publishAPort, // with a label and a log, which are further weaknesses
		"secrets-in-labels": func(*testing.T, outputs.Stack) {},
		"secrets-in-logs":   func(*testing.T, outputs.Stack) {},
		"redirect-uri": func(t *testing.T, stack outputs.Stack) {
			t.Helper()
			changeClient(t, stack, func(c *gocloak.Client) { *c.RedirectURIs = append(*c.RedirectURIs, "*") })
		},
		"pkce-downgrade": func(t *testing.T, stack outputs.Stack) {
			t.Helper()
			changeClient(t, stack, func(c *gocloak.Client) { (*c.Attributes)["pkce.code.challenge.method"] = "" })
		},
		"email-takeover":  shareAddresses,
		"cross-user-read": grantAll,
	}
	wanted := make([]string, 0, len(doors))
	for name, open := range doors {
		wanted = append(wanted, name)
		open(t, stack)
	}

	got := attackOn(t, stack, "")

	// The generator itself finds what every member may now read.
	wanted = append(wanted, "every-route-with-foreign-ids")
	slices.Sort(wanted)
	failed := fallen(got, check.StatusFailed)
	slices.Sort(failed)
	require.Equal(t, wanted, failed)
	require.Equal(t, []string{
		"cross-user-write", "artifact-location-hijack", "mixed-lists", "foreign-spans", "grant-race", "claimed-location", "trace-location", "stolen-token", "chunked-upload",
	}, fallen(got, check.StatusNotRun), "they need cross-user-read")
	shown, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(shown), stack.Keycloak.Provider.Secret)
}

// The switches are in the image, where no setting of a running stack opens them.
func TestAnImageWithOutgoingCallsEnabledFailsTheirAttack(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	open := older(t, l, "mlflow", map[string]func(string) string{
		"Dockerfile": withoutBuildCheck,
		"python/mlflow_sso/disabled_features.py": func(text string) string {
			return strings.Replace(text, "    routes.insert(0, Closed(off))\n", "", 1)
		},
	})
	require.NoError(t, os.WriteFile(l.file, fmt.Appendf(text, "  mlflow-sso:images: {mlflow: %q}\n", open), 0o600))
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)

	got := attackOn(t, deployed, "outgoing-calls")

	require.Equal(t, []string{"outgoing-calls"}, fallen(got, check.StatusFailed))
}

// publishAPort makes an unmanaged container on the stack's network publish a port to other
// machines, with a secret in a label and another in its log.
func publishAPort(t *testing.T, stack outputs.Stack) {
	t.Helper()
	api := openEngine(t).API()
	seen, err := api.ContainerInspect(t.Context(), stack.MLflow.Container)
	require.NoError(t, err)
	ports, err := freeport.Ports(1)
	require.NoError(t, err)
	made, err := api.ContainerCreate(t.Context(), &container.Config{
		Image: seen.Image, Labels: map[string]string{"note": stack.Keycloak.Provider.Secret}, Env: []string{"SAID=" + stack.Keycloak.Provider.Secret},
		Entrypoint: []string{"sh", "-c", `echo "$SAID"; cd /usr/share; exec python -m http.server 8000`}, Cmd: []string{},
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}}, ExposedPorts: nat.PortSet{"8000/tcp": {}},
	}, &container.HostConfig{
		NetworkMode:  container.NetworkMode(stack.Deployment + "-edge"),
		PortBindings: nat.PortMap{"8000/tcp": {{HostIP: "0.0.0.0", HostPort: fmt.Sprint(ports[0])}}},
	}, nil, nil, stack.Deployment+"-helper")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, api.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true}))
	})
	require.NoError(t, api.ContainerStart(t.Context(), made.ID, container.StartOptions{}))
	require.Eventually(t, func() bool {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0]))
		if err != nil {
			return false
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err == nil && answer.Body.Close() == nil
	}, 30*time.Second, 300*time.Millisecond)
}

// shareAddresses gives two users the same e-mail address.
func shareAddresses(t *testing.T, stack outputs.Stack) {
	t.Helper()
	set := func(ctx context.Context, shared bool) {
		client, token := keycloakAdmin(t, stack)
		require.NoError(t, client.UpdateRealm(ctx, token, gocloak.RealmRepresentation{
			Realm: &stack.Realm.Name, DuplicateEmailsAllowed: &shared, LoginWithEmailAllowed: gocloak.BoolP(!shared),
		}))
	}
	client, token := keycloakAdmin(t, stack)
	before, err := client.GetRealm(t.Context(), token, stack.Realm.Name)
	require.NoError(t, err)
	login := gocloak.PBool(before.LoginWithEmailAllowed)
	t.Cleanup(func() {
		ctx := context.Background()
		set(ctx, false)
		client, token := keycloakAdmin(t, stack)
		require.NoError(t, client.UpdateRealm(ctx, token, gocloak.RealmRepresentation{Realm: &stack.Realm.Name, LoginWithEmailAllowed: &login}))
	})
	set(t.Context(), true)
}

// grantAll lets every member read every experiment.
func grantAll(t *testing.T, stack outputs.Stack) {
	t.Helper()
	at := slices.IndexFunc(stack.DemoUsers, func(u outputs.User) bool { return u.Group == stack.Realm.AdminGroup })
	require.GreaterOrEqual(t, at, 0)
	token, err := scenario.Bearer(t.Context(), stack, openEngine(t), stack.DemoUsers[at])
	require.NoError(t, err)
	patterns := stack.MLflow.URL + "/api/2.0/mlflow/permissions/groups/" + stack.Realm.UserGroup + "/experiment-patterns"
	ask := func(ctx context.Context, method, address, body string) string {
		request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		said, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, 2, answer.StatusCode/100, "%s %s: %s", method, address, said)
		return string(said)
	}
	ask(t.Context(), http.MethodPost, patterns, `{"regex":".*","priority":1,"permission":"READ"}`)
	t.Cleanup(func() {
		ctx := context.Background()
		var found []struct{ ID int }
		require.NoError(t, json.Unmarshal([]byte(ask(ctx, http.MethodGet, patterns, "")), &found))
		require.NotEmpty(t, found)
		for _, one := range found {
			ask(ctx, http.MethodDelete, fmt.Sprintf("%s/%d", patterns, one.ID), "")
		}
	})
}
