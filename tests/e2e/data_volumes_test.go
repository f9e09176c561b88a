//go:build e2e

package e2e

import (
	"net/http"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// removeVolumes removes data volumes outside of the tool, with the containers that use them.
func removeVolumes(t *testing.T, docker *engine.Engine, l *lab, data ...string) {
	t.Helper()
	for _, name := range data {
		users, err := docker.API().ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("volume", l.name+"-"+name))})
		require.NoError(t, err)
		for _, c := range users {
			require.NoError(t, docker.API().ContainerRemove(t.Context(), c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
		}
		require.NoError(t, docker.API().VolumeRemove(t.Context(), l.name+"-"+name, false))
	}
}

// logRun stores an experiment.
func logRun(t *testing.T, deployed outputs.Stack, name string) {
	t.Helper()
	var created struct{}
	call(t, signIn(t, deployed, "demo-admin"), deployed, "experiments/create", map[string]string{"name": name}, &created)
}

// statusOf is the status of a request for an experiment.
func statusOf(t *testing.T, deployed outputs.Stack, name string) int {
	t.Helper()
	page, err := signIn(t, deployed, "demo-admin").Fetch(t.Context(), http.MethodGet, deployed.MLflow.URL+"/api/2.0/mlflow/experiments/get-by-name?experiment_name="+name, nil, nil)
	require.NoError(t, err)
	return page.Status
}

// refuseLostVolumes requires that no command continues, and that each names what is missing and the
// next step.
func refuseLostVolumes(t *testing.T, l *lab, says ...string) {
	t.Helper()
	for _, command := range [][]string{{"preview"}, {"up"}, {"up", "--refresh"}} {
		got, err := l.run(t.Context(), command[0], command[1:]...)
		require.NoError(t, err)
		require.Equal(t, 1, got.code, "%v\n%s\n%s", command, got.stdout, got.stderr)
		for _, want := range append(says, "mlflow-sso restore", "--accept-volumes") {
			require.Contains(t, got.stderr, want, "%v", command)
		}
	}
}

// requireNewAndUnchanged requires that an earlier experiment is missing, and that nothing is left
// to change.
func requireNewAndUnchanged(t *testing.T, l *lab, deployed outputs.Stack, lost string) {
	t.Helper()
	require.Equal(t, http.StatusNotFound, statusOf(t, deployed, lost))
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
}

// requireLostVolumesStopEveryUpdate removes both data volumes of a stack that was torn down, and
// requires that nothing is created until that is accepted. lost is an experiment in them.
func requireLostVolumesStopEveryUpdate(t *testing.T, l *lab, deployed outputs.Stack, lost string) {
	t.Helper()
	docker := openEngine(t)
	removeVolumes(t, docker, l, "postgres-data", "mlflow-artifacts")

	refuseLostVolumes(t, l, l.name+"-postgres-data: it does not exist", l.name+"-mlflow-artifacts: it does not exist")
	require.Empty(t, things(t, l.name), "something was made")
	_, err := docker.API().VolumeInspect(t.Context(), l.name+"-postgres-data")
	require.True(t, errdefs.IsNotFound(err), "an empty volume was made")

	got := l.must(t, "up", "--accept-volumes")
	require.Regexp(t, allPassed, got.stdout)
	require.Contains(t, got.stderr, "volume "+l.name+"-postgres-data is new and empty")
	requireNewAndUnchanged(t, l, deployed, lost)
}

// A stack in use loses its database: one update recreates its content, and no service continues
// with cached data.
func TestADatabaseThatIsLostUnderARunningStackIsRecreatedInOneUpdate(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	docker := openEngine(t)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	logRun(t, deployed, "before")
	removeVolumes(t, docker, l, "postgres-data")

	refuseLostVolumes(t, l, l.name+"-postgres-data: it does not exist")
	got, err := l.run(t.Context(), "drift")
	require.NoError(t, err)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, l.name+"-postgres-data: it does not exist")

	require.Regexp(t, allPassed, l.must(t, "up", "--accept-volumes").stdout)
	requireNewAndUnchanged(t, l, deployed, "before")
}

// A volume that Docker created for a mount may contain data by now: it is found, and nothing
// deletes it.
func TestAVolumeThatDockerCreatedIsReportedAndNeverDeleted(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	docker := openEngine(t)
	l.must(t, "up", "--no-verify")
	l.must(t, "destroy")
	removeVolumes(t, docker, l, "postgres-data", "mlflow-artifacts")
	for _, data := range []string{"postgres-data", "mlflow-artifacts"} {
		_, err := docker.API().VolumeCreate(t.Context(), volume.CreateOptions{Name: l.name + "-" + data})
		require.NoError(t, err)
	}
	refuseLostVolumes(t, l, l.name+"-postgres-data: it does not have this deployment's label")

	require.Regexp(t, allPassed, l.must(t, "up", "--accept-volumes").stdout)
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	logRun(t, deployed, "since")
	made, err := docker.API().VolumeInspect(t.Context(), l.name+"-postgres-data")
	require.NoError(t, err)

	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	require.Regexp(t, allPassed, l.must(t, "up", "--refresh").stdout)
	l.must(t, "destroy")
	require.Regexp(t, allPassed, l.must(t, "up").stdout)
	again, err := docker.API().VolumeInspect(t.Context(), l.name+"-postgres-data")
	require.NoError(t, err)
	require.Equal(t, made.CreatedAt, again.CreatedAt)
	require.Equal(t, http.StatusOK, statusOf(t, deployed, "since"))
}
