package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine/enginetest"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

const labSettings = `config:
  mlflow-sso:name: mlflow-lab
  mlflow-sso:mlflow: {publicURL: "http://localhost:5000"}
  mlflow-sso:keycloak: {publicURL: "http://localhost:8080"}
  mlflow-sso:realm: {sslRequired: none}
`

// place is a working copy with a stack lab, and a data directory; the test is in neither.
type place struct{ copy, home string }

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t.TempDir(), filepath.Join(t.TempDir(), "home")}
	t.Setenv(datadir.Variable, p.home)
	t.Setenv("PULUMI_BACKEND_URL", "")
	write(t, filepath.Join(p.copy, "go.mod"), "module "+workingcopy.Module+"\n")
	write(t, filepath.Join(p.copy, "Pulumi.yaml"), "name: mlflow-sso\nruntime: go\n")
	write(t, filepath.Join(p.copy, "Pulumi.lab.yaml"), labSettings)
	t.Chdir(t.TempDir())
	return p
}

func write(t *testing.T, file, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
}

// deploy leaves in the data directory what a deployment leaves: a state in clear, the copies, and
// what they are of.
func (p place) deploy(t *testing.T, from stack.Source) {
	t.Helper()
	folder := filepath.Join(p.home, "stacks", "lab")
	write(t, filepath.Join(folder, "Pulumi.yaml"), "name: mlflow-sso\nruntime: go\n")
	write(t, filepath.Join(folder, "Pulumi.lab.yaml"), labSettings)
	encoded, err := json.Marshal(from)
	require.NoError(t, err)
	write(t, filepath.Join(folder, "source.json"), string(encoded))
	write(t, filepath.Join(p.home, "state", ".pulumi", "stacks", "mlflow-sso", "lab.json"),
		`{"version":3,"checkpoint":{"latest":{"manifest":{"time":"2026-05-04T10:00:00Z"},"resources":[{"urn":"u","type":"pulumi:pulumi:Stack",
		"outputs":{"deployment":"mlflow-lab","mlflow":{"url":"http://localhost:5000"},"versions":{"keycloak":"keycloak 26.7.3"}}}]}}}`)
}

func running(name string) enginetest.Container {
	return enginetest.Container{
		Name: name + "-mlflow", Labels: map[string]string{naming.Deployment: name, naming.Component: "mlflow"},
		State: container.State{Status: "running", Running: true, StartedAt: "2026-05-04T10:00:00Z", Health: &container.Health{Status: "healthy"}},
	}
}

func TestTheWorkingCopyOfTheCurrentDirectoryIsUsed(t *testing.T) {
	p := newPlace(t)
	t.Chdir(p.copy)
	from, err := Selection{Name: "lab"}.program()
	require.NoError(t, err)
	require.Equal(t, p.copy, from.Repository)
	require.Empty(t, from.File)
}

func TestAStackThatWasDeployedIsFoundFromAnyDirectory(t *testing.T) {
	p := newPlace(t)
	own := filepath.Join(t.TempDir(), "Pulumi.lab.yaml")
	write(t, own, labSettings)
	p.deploy(t, stack.Source{Repository: p.copy, File: own})
	require.NoError(t, os.Remove(filepath.Join(p.copy, "Pulumi.lab.yaml")))

	from, err := Selection{Name: "lab"}.program()
	require.NoError(t, err)
	require.Equal(t, stack.Source{Repository: p.copy, File: own}, from)
	settings, err := Settings(Selection{Name: "lab"})
	require.NoError(t, err)
	require.Equal(t, "mlflow-lab", settings.Name)
}

func TestWithoutAWorkingCopyTheStateIsReadAndNothingIsDeployed(t *testing.T) {
	p := newPlace(t)
	p.deploy(t, stack.Source{Repository: filepath.Join(p.copy, "gone")})

	settings, err := Settings(Selection{Name: "lab"})
	require.NoError(t, err)
	require.Equal(t, "mlflow-lab", settings.Name)
	_, err = Selection{Name: "lab"}.program()
	require.ErrorContains(t, err, "gone, which is no working copy any more")

	// The same in a working copy that has no such stack file.
	require.NoError(t, os.Remove(filepath.Join(p.copy, "Pulumi.lab.yaml")))
	t.Chdir(p.copy)
	settings, err = Settings(Selection{Name: "lab"})
	require.NoError(t, err)
	require.Equal(t, "mlflow-lab", settings.Name)
	n := &Session{Err: os.Stderr}
	_, err = n.Up(t.Context(), Selection{Name: "lab"}, UpOptions{})
	require.ErrorIs(t, err, ErrNoStackFile)

	t.Chdir(t.TempDir())
	enginetest.None(t)
	_, err = Find(t.Context(), Selection{Name: "nope"})
	require.ErrorContains(t, err, "stack nope was never deployed from "+p.home)
}

// A user who is asked to deploy here would compile for minutes, and fail in the end.
func TestAForeignDeploymentIsNeverDeployedAgain(t *testing.T) {
	p := newPlace(t)
	t.Chdir(p.copy)
	enginetest.Serve(t, running("mlflow-lab"))
	n, lab := &Session{Err: os.Stderr}, Selection{Name: "lab"}
	for name, do := range map[string]func() error{
		"find":    func() error { _, err := Find(t.Context(), lab); return err },
		"outputs": func() error { _, err := Outputs(t.Context(), lab); return err },
		"preview": func() error { _, err := n.Preview(t.Context(), lab, false); return err },
		"up":      func() error { _, err := n.Up(t.Context(), lab, UpOptions{}); return err },
		"destroy": func() error { return n.Destroy(t.Context(), lab, true) },
		"drift":   func() error { _, err := n.Drift(t.Context(), lab); return err },
	} {
		err := do()
		require.ErrorIs(t, err, ErrForeign, name)
		require.ErrorContains(t, err, "mlflow-lab")
		require.ErrorContains(t, err, datadir.Variable)
		require.NotContains(t, err.Error(), "mlflow-sso up")
		require.NotContains(t, err.Error(), "bootstrap")
	}
	require.NoDirExists(t, filepath.Join(p.home, "stacks", "lab"))
}

func TestAStackOfWhichNothingRunsIsNotUp(t *testing.T) {
	p := newPlace(t)
	t.Chdir(p.copy)
	enginetest.Serve(t, running("another"))
	_, err := Find(t.Context(), Selection{Name: "lab"})
	require.ErrorIs(t, err, stack.ErrNotUp)
	require.NotErrorIs(t, err, ErrForeign)
	enginetest.None(t)
	_, err = Find(t.Context(), Selection{Name: "lab"})
	require.ErrorIs(t, err, stack.ErrNotUp)
}

func TestTheStatusNeedsNeitherTheStateNorAWorkingCopy(t *testing.T) {
	p := newPlace(t)
	enginetest.Serve(t, running("mlflow-lab"))
	status, err := StatusOf(t.Context(), Selection{Name: "mlflow-lab"})
	require.NoError(t, err)
	require.False(t, status.OwnState)
	require.Equal(t, 1, status.Ready)
	require.Equal(t, p.home, status.DataDirectory)
	require.NoDirExists(t, p.home, "nothing is made for it")

	p.deploy(t, stack.Source{Repository: "/gone"})
	status, err = StatusOf(t.Context(), Selection{Name: "lab"})
	require.NoError(t, err)
	require.True(t, status.OwnState)
	require.Equal(t, "http://localhost:5000", status.MLflow)
	require.Equal(t, map[string]string{"keycloak": "keycloak 26.7.3"}, status.Versions)
	require.Len(t, status.Containers, 1)

	_, err = StatusOf(t.Context(), Selection{Name: "nope"})
	require.ErrorContains(t, err, "deployments mlflow-lab")
}

func TestTheListHasStacksOfFilesStatesAndContainers(t *testing.T) {
	p := newPlace(t)
	p.deploy(t, stack.Source{Repository: p.copy})
	t.Chdir(p.copy)
	write(t, filepath.Join(p.copy, "Pulumi.broken.yaml"), "config:\n  mlflow-sso:colour: blue\n")
	enginetest.Serve(t, running("mlflow-lab"), running("of-another"))

	all, err := List(t.Context())

	require.NoError(t, err)
	require.Len(t, all.Stacks, 3)
	foreign, broken, lab := all.Stacks[0], all.Stacks[1], all.Stacks[2]
	require.Equal(t, "of-another", foreign.Deployment)
	require.True(t, foreign.Foreign())
	require.Contains(t, broken.Problem, "mlflow-sso:colour")
	require.Equal(t, "lab", lab.Stack)
	require.True(t, lab.OwnState)
	require.False(t, lab.Foreign())
	require.Equal(t, 1, lab.Ready)
	require.Equal(t, filepath.Join(p.copy, "Pulumi.lab.yaml"), lab.File)

	enginetest.None(t)
	all, err = List(t.Context())
	require.NoError(t, err)
	require.Len(t, all.Stacks, 2)
	require.Contains(t, all.DockerProblem, "no docker daemon")
}
