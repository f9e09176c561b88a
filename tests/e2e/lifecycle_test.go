//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

// things are a deployment's objects on the Docker host, by kind.
func things(t *testing.T, deployment string) map[string][]string {
	t.Helper()
	api := openEngine(t).API()
	ours := filters.NewArgs(filters.Arg("label", naming.Deployment+"="+deployment))
	found := map[string][]string{}
	containers, err := api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: ours})
	require.NoError(t, err)
	for _, c := range containers {
		found["containers"] = append(found["containers"], c.Names...)
	}
	networks, err := api.NetworkList(t.Context(), network.ListOptions{Filters: ours})
	require.NoError(t, err)
	for _, n := range networks {
		found["networks"] = append(found["networks"], n.Name)
	}
	volumes, err := api.VolumeList(t.Context(), volume.ListOptions{Filters: ours})
	require.NoError(t, err)
	for _, v := range volumes.Volumes {
		found["volumes"] = append(found["volumes"], v.Name)
	}
	images, err := api.ImageList(t.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", deployment+"/*"))})
	require.NoError(t, err)
	for _, i := range images {
		found["images"] = append(found["images"], i.RepoTags...)
	}
	return found
}

// signIn is a browser in which a demo user has logged in to MLflow.
func signIn(t *testing.T, deployed outputs.Stack, username string) *browser.Browser {
	t.Helper()
	b := browser.New()
	t.Cleanup(b.Close)
	page, err := b.Open(t.Context(), deployed.MLflow.URL+"/login")
	require.NoError(t, err)
	form := page.FormWith("username", "password")
	require.NotNil(t, form, "no login form at %s", browser.Bare(page.URL))
	for _, user := range deployed.DemoUsers {
		if user.Username == username {
			require.NoError(t, form.Set("username", user.Username))
			require.NoError(t, form.Set("password", user.Password))
		}
	}
	page, err = b.Submit(t.Context(), form)
	require.NoError(t, err)
	require.Contains(t, browser.Bare(page.URL), deployed.MLflow.URL)
	return b
}

// call is a request to MLflow's API.
func call(t *testing.T, b *browser.Browser, deployed outputs.Stack, path string, body, into any) {
	t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(t, err)
	page, err := b.Fetch(t.Context(), http.MethodPost, deployed.MLflow.URL+"/api/2.0/mlflow/"+path, nil, encoded)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status, "%s", page.Body)
	require.NoError(t, page.JSON(into))
}

func TestASecondUpAndARefreshFindNothingToChange(t *testing.T) {
	l := sharedLab(t)

	got := l.must(t, "up", "--no-verify")
	require.Contains(t, got.stderr, "no change")

	got = l.must(t, "drift")
	require.Contains(t, got.stdout, "no drift")
}

// A container that a user stopped is the simplest drift, and shows that the test above can fail.
func TestAStoppedContainerIsDriftAndUpFixesIt(t *testing.T) {
	l := sharedLab(t)
	docker := openEngine(t)
	require.NoError(t, docker.API().ContainerStop(t.Context(), l.name+"-redis", container.StopOptions{}))
	t.Cleanup(func() { l.must(t, "up") })

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code)
	require.Contains(t, got.stdout, "redis-container")
}

// Objects inside Keycloak cannot be compared while it is down.
func TestUpFixesAStackWhoseKeycloakIsStoppedOrMissing(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	l.must(t, "up", "--no-verify")
	api := openEngine(t).API()
	for state, leave := range map[string]func(name string) error{
		"stopped": func(name string) error { return api.ContainerStop(t.Context(), name, container.StopOptions{}) },
		"gone": func(name string) error {
			return api.ContainerRemove(t.Context(), name, container.RemoveOptions{Force: true, RemoveVolumes: true})
		},
	} {
		t.Run(state, func(t *testing.T) {
			require.NoError(t, leave(l.name+"-keycloak"))

			require.Regexp(t, allPassed, l.must(t, "up").stdout)
			require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
		})
	}
}

func TestAManualChangeInKeycloakIsDriftAndUpWithRefreshFixesIt(t *testing.T) {
	l := sharedLab(t)
	deployed := runningStack(t)
	client, token := keycloakAdmin(t, deployed)
	mappers := *oidcClient(t, deployed).ProtocolMappers
	for _, m := range mappers {
		if gocloak.PString(m.Name) == "groups" {
			require.NoError(t, client.DeleteClientProtocolMapper(t.Context(), token, deployed.Realm.Name, *oidcClient(t, deployed).ID, *m.ID))
		}
	}
	t.Cleanup(func() { l.must(t, "up", "--refresh") })

	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 3, got.code)
	require.Contains(t, got.stdout, "realm-groups-mapper")

	require.Regexp(t, allPassed, l.must(t, "up", "--refresh").stdout)
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
}

// takePassword leaves a user in the state of an update that was killed between creating the user
// and setting a password.
func takePassword(t *testing.T, deployed outputs.Stack, username string) {
	t.Helper()
	client, token := keycloakAdmin(t, deployed)
	id := userID(t, deployed, deployed.Realm.Name, username)
	ways, err := client.GetCredentials(t.Context(), token, deployed.Realm.Name, id)
	require.NoError(t, err)
	require.Len(t, ways, 1)
	require.NoError(t, client.DeleteCredentials(t.Context(), token, deployed.Realm.Name, id, *ways[0].ID))
}

// A stack's data outlives its containers, and no update silently starts over if data was lost.
func TestDataIsKeptByDestroyAndMissedWhenItIsLost(t *testing.T) {
	l := ownLab(t)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	admin := signIn(t, deployed, "demo-admin")
	var created struct {
		ID string `json:"experiment_id"`
	}
	call(t, admin, deployed, "experiments/create", map[string]string{"name": "kept"}, &created)
	takePassword(t, deployed, "demo-member")
	// Keycloak of a broken stack that is torn down does not respond.
	require.NoError(t, openEngine(t).API().ContainerRemove(t.Context(), l.name+"-keycloak", container.RemoveOptions{Force: true, RemoveVolumes: true}))

	l.must(t, "destroy")

	left := things(t, l.name)
	require.ElementsMatch(t, []string{l.name + "-postgres-data", l.name + "-mlflow-artifacts"}, left["volumes"])
	delete(left, "volumes")
	require.Empty(t, left)

	got := l.must(t, "up")
	require.Regexp(t, allPassed, got.stdout)
	again, err := l.outputs(t.Context())
	require.NoError(t, err)
	require.True(t, deployed.Keycloak.Admin == again.Keycloak.Admin, "a credential has changed")
	var found struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	page, err := signIn(t, again, "demo-admin").Fetch(t.Context(), http.MethodGet, again.MLflow.URL+"/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept", nil, nil)
	require.NoError(t, err)
	require.NoError(t, page.JSON(&found))
	require.Equal(t, created.ID, found.Experiment.ID)
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")

	l.must(t, "destroy")
	requireLostVolumesStopEveryUpdate(t, l, again, "kept")

	l.must(t, "destroy", "--delete-data", "--yes")

	require.Empty(t, things(t, l.name))
	_, err = l.outputs(context.Background())
	require.Error(t, err)
}

func TestDataIsNeverRemovedWithoutBeingAsked(t *testing.T) {
	l := sharedLab(t)

	got, err := l.run(t.Context(), "destroy", "--delete-data") // no user is there to type the name

	require.NoError(t, err)
	require.Equal(t, 2, got.code)
	require.Len(t, things(t, l.name)["containers"], 5)
}
