package stack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

const project = "name: mlflow-sso\nruntime: go\nmain: .\n"

// repositoryWith is a folder with a project file and a stack file.
func repositoryWith(t *testing.T, stackFile string) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, projectFile), []byte(project), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.lab.yaml"), []byte(stackFile), 0o600))
	return root
}

func mirrored(t *testing.T, root string) *Stack {
	t.Helper()
	h, err := datadir.At(filepath.Join(root, "home"))
	require.NoError(t, err)
	s := &Stack{Options: Options{Name: "lab", Repository: root, File: filepath.Join(root, "Pulumi.lab.yaml"), Home: h}, place: place{mirror: h.Stack("lab")}}
	require.NoError(t, s.writeMirror())
	return s
}

func TestTheMirrorRunsTheProgramInTheRepository(t *testing.T) {
	root := repositoryWith(t, "config:\n  mlflow-sso:name: lab\n")

	s := mirrored(t, root)

	copied, err := workspace.LoadProject(filepath.Join(s.mirror, projectFile))
	require.NoError(t, err)
	require.Equal(t, root, copied.Main)
	original, err := os.ReadFile(filepath.Join(root, projectFile))
	require.NoError(t, err)
	require.Equal(t, project, string(original))
}

// Pulumi reads the copy in another folder, so no path in it is relative.
func TestTheMirrorNamesThePluginOfTheTool(t *testing.T) {
	root := repositoryWith(t, "config:\n  mlflow-sso:name: lab\n")
	named := project + "plugins:\n  providers:\n    - name: mlflow-sso\n      path: ./plugin\n    - name: other\n      path: ./other\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, projectFile), []byte(named), 0o600))
	paths := func(s *Stack) (all []string) {
		require.NoError(t, s.writeMirror())
		copied, err := workspace.LoadProject(filepath.Join(s.mirror, projectFile))
		require.NoError(t, err)
		for _, p := range copied.Plugins.Providers {
			all = append(all, p.Path)
		}
		return all
	}
	s := mirrored(t, root)
	require.Equal(t, []string{filepath.Join(root, "plugin"), filepath.Join(root, "other")}, paths(s))
	s.Plugin = "/of/this/build"
	require.Equal(t, []string{"/of/this/build", filepath.Join(root, "other")}, paths(s))
	environment, err := s.environment()
	require.NoError(t, err)
	require.NotEmpty(t, environment[pulumiplugin.DeferVariable], "the tool verifies after its last step, and once")
	require.Equal(t, "/of/this/build", environment[pulumiplugin.FolderVariable], "the program checks the same folder")
}

func TestTheMirrorKeepsTheSaltAndEveryChangeOfTheSettings(t *testing.T) {
	root := repositoryWith(t, "config:\n  mlflow-sso:name: lab\n")
	s := mirrored(t, root)
	target := filepath.Join(s.mirror, "Pulumi.lab.yaml")
	require.NoError(t, os.WriteFile(target, []byte("encryptionsalt: v1:salt\nconfig:\n  mlflow-sso:name: old\n"), 0o600))
	require.NoError(t, os.WriteFile(s.File, []byte("encryptionsalt: v1:of another state\nconfig:\n  mlflow-sso:name: new\n"), 0o600))

	require.NoError(t, s.writeMirror())

	content, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Contains(t, string(content), "encryptionsalt: v1:salt")
	require.Contains(t, string(content), "mlflow-sso:name: new")
	require.NotContains(t, string(content), "old")
	untouched, err := os.ReadFile(s.File)
	require.NoError(t, err)
	require.NotContains(t, string(untouched), "v1:salt")
}

func TestAProgramThatIsOlderThanItsSourcesIsNotRun(t *testing.T) {
	root := repositoryWith(t, "config:\n  mlflow-sso:name: lab\n")
	for _, name := range []string{"go.mod", "go.sum", "cmd/a.go", "components/b/b.go", "config/c.go", "contract/c.go", "internal/d/d.go", "platform/p.go"} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	s := mirrored(t, root)
	s.Program = filepath.Join(root, "program")
	binary := func() any {
		require.NoError(t, s.writeMirror())
		copied, err := workspace.LoadProject(filepath.Join(s.mirror, projectFile))
		require.NoError(t, err)
		return copied.Runtime.Options()["binary"]
	}
	require.Nil(t, binary(), "there is none")

	require.NoError(t, os.WriteFile(s.Program, nil, 0o700))
	later := time.Now().Add(time.Minute)
	require.NoError(t, os.Chtimes(s.Program, later, later))
	require.Equal(t, s.Program, binary())

	later = later.Add(time.Minute)
	require.NoError(t, os.Chtimes(filepath.Join(root, "components/b/b.go"), later, later))
	require.Nil(t, binary(), "a source was edited")
}

func TestAStackWithoutAFileIsRefusedByName(t *testing.T) {
	_, err := Settings(repositoryWith(t, ""), "prdo", "")

	require.ErrorContains(t, err, `"prdo"`)
	require.ErrorContains(t, err, "Pulumi.prdo.yaml")
}

func TestKnownErrorsAreExplainedWithTheNextStep(t *testing.T) {
	for reported, wanted := range map[string]string{
		"error: could not decrypt: incorrect passphrase":                     "PULUMI_CONFIG_PASSPHRASE",
		"Bind for 127.0.0.1:5000 failed: port is already allocated":          "mlflow.port",
		"invalid pool request: Pool overlaps with other one on this address": "edge.subnet",
		"write /x: no space left on device":                                  "the disk is full",
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock": "start it",
		`The container name "/a-redis" is already in use by container "12"`:  "choose another `name`",
		"error initializing keycloak provider: 401 Unauthorized":             "destroy --delete-data",
		"resource platform cannot be deleted\nbecause it is protected.":      "protectData",
		"unable to replace it\nas it is currently marked for protection.":    "protectData",
		"error in compiling Go: unable to run 'go build': exit status 1":     "go build .",
		"an unknown error": "Pulumi reports",
	} {
		err := explain(errors.New("failed to run update: exit status 255"), []string{reported})
		require.ErrorContains(t, err, wanted)
		require.ErrorContains(t, err, "\n")
		require.NotContains(t, err.Error(), "exit status 255", "Pulumi's own noise")
	}
}

func TestAnErrorWithoutProblemsKeepsWhatWasPrinted(t *testing.T) {
	err := explain(errors.New("code: 255\nstdout: a lot\nstderr: error: <{%fg 1%}>no such thing<{%reset%}>\n"), nil)

	require.ErrorContains(t, err, "no such thing")
	require.NotContains(t, err.Error(), "<{%")
}

func TestOnlyResourcesThatChangedAreCounted(t *testing.T) {
	require.Equal(t, "no change", changed(&map[string]int{"same": 39}).String())
	require.Equal(t, "no change", changed(nil).String())
	require.Equal(t, "3 created, 1 changed", changed(&map[string]int{"same": 4, "create": 3, "update": 1}).String())
}

func TestALockCountsOnlyWhileItsProcessIsAPulumi(t *testing.T) {
	require.False(t, alive(0))
	require.False(t, alive(1<<22+1), "no process has that number")
	require.False(t, alive(os.Getpid()), "this process is no pulumi")
}

func TestTheLockOfAStackIsFoundInItsState(t *testing.T) {
	s := mirrored(t, repositoryWith(t, ""))
	t.Setenv("PULUMI_BACKEND_URL", "")
	held, err := s.lock()
	require.NoError(t, err)
	require.Nil(t, held)
	folder := filepath.Join(s.Home.State(), ".pulumi", "locks", "organization", "mlflow-sso", "lab")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "1.json"), []byte(`{"pid":7,"username":"ada","hostname":"there"}`), 0o600))

	held, err = s.lock()

	require.NoError(t, err)
	require.Equal(t, &lock{Pid: 7, Username: "ada", Hostname: "there"}, held)
	require.ErrorContains(t, s.unlock(context.Background(), silent{}), "process 7 of ada on there")
}

func TestAttributesThatWereCutOffAreRemovedAndOthersStay(t *testing.T) {
	s := mirrored(t, repositoryWith(t, ""))
	t.Setenv("PULUMI_BACKEND_URL", "file://"+s.Home.State())
	folder := filepath.Join(s.Home.State(), ".pulumi", "stacks", "mlflow-sso")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	for name, content := range map[string]string{"lab.json": "", "lab.json.attrs": "", "lab.json.bak.attrs": `{"a":1}`, "other.json.attrs": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}

	require.NoError(t, s.repairAttributes())

	left, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		filepath.Join(folder, "lab.json"), filepath.Join(folder, "lab.json.bak.attrs"), filepath.Join(folder, "other.json.attrs"),
	}, left)
}

func TestTheStateFolderIsKnownOnlyWhenItIsOnThisMachine(t *testing.T) {
	s := mirrored(t, repositoryWith(t, ""))
	for backend, wanted := range map[string]string{
		"":                       s.Home.State(),
		"file:///srv/state":      "/srv/state",
		"file:///srv/state?x=1":  "/srv/state",
		"file://~":               "",
		"s3://bucket":            "",
		"https://api.pulumi.com": "",
	} {
		t.Setenv("PULUMI_BACKEND_URL", backend)
		folder, ok := s.StateFolder()
		require.Equal(t, wanted != "", ok, backend)
		if ok {
			require.Equal(t, wanted, folder)
		}
	}
}

func TestAStackThatIsNotInTheStateIsKnownWithoutPulumi(t *testing.T) {
	h, err := datadir.At(filepath.Join(t.TempDir(), "home"))
	require.NoError(t, err)
	t.Setenv("PULUMI_BACKEND_URL", "")
	require.False(t, MightExist(h, "lab"))
	folder := filepath.Join(h.State(), ".pulumi", "stacks", "mlflow-sso")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "lab.json"), nil, 0o600))
	require.True(t, MightExist(h, "lab"))
	require.False(t, MightExist(h, "la"))
	t.Setenv("PULUMI_BACKEND_URL", "s3://bucket")
	require.True(t, MightExist(h, "other"))
}

type silent struct{}

func (silent) Say(string, ...any) {}
func (silent) Writer() io.Writer  { return io.Discard }

func urn(kind, name string) resource.URN {
	return resource.URN("urn:pulumi:lab::mlflow-sso::" + kind + "::" + name)
}

func TestWhatHoldsDataIsKeptWithAllItIsPartOf(t *testing.T) {
	provider := urn("pulumi:providers:docker", "default_4_11_2")
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn("pulumi:pulumi:Stack", "lab"), Type: "pulumi:pulumi:Stack"},
		{URN: provider, Type: "pulumi:providers:docker", Custom: true},
		{URN: urn("a:b:Server", "postgres"), Type: "a:b:Server", Parent: urn("pulumi:pulumi:Stack", "lab")},
		{URN: urn(TypeVolume, "data"), Type: TypeVolume, Custom: true, Parent: urn("a:b:Server", "postgres"), Provider: string(provider) + "::id"},
		{URN: urn(TypeContainer, "server"), Type: TypeContainer, Custom: true, Parent: urn("a:b:Server", "postgres"), Provider: string(provider) + "::id"},
	}}}

	require.ElementsMatch(t, []string{
		string(urn("pulumi:pulumi:Stack", "lab")), string(provider),
		string(urn("a:b:Server", "postgres")), string(urn(TypeVolume, "data")),
	}, known.dataURNs())
	require.True(t, known.HasResources())
	require.False(t, (&State{}).HasResources())
}

func TestWhatIsProtectedIsNamed(t *testing.T) {
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeVolume, "data"), Type: TypeVolume, Protect: true},
		{URN: urn(TypeVolume, "old"), Type: TypeVolume, Protect: true, Delete: true},
		{URN: urn(TypeContainer, "server"), Type: TypeContainer},
	}}}
	require.Equal(t, []string{"data"}, known.Protected())
}

func TestAResourceThatIsToBeDeletedIsNotKnown(t *testing.T) {
	known := State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		{URN: urn(TypeContainer, "a"), Type: tokens.Type(TypeContainer), ID: "old", Delete: true},
		{URN: urn(TypeContainer, "a"), Type: tokens.Type(TypeContainer), ID: "new"},
	}}}

	require.Equal(t, []string{"new"}, known.IDs(TypeContainer))
	require.False(t, known.Has(TypeContainer, "old"))
}

func TestEventsBecomeProblemsCreationsAndDifferences(t *testing.T) {
	w := newCollector(silent{})
	step := func(op apitype.OpType, name string, planning bool) events.EngineEvent {
		state := &apitype.StepEventStateMetadata{Custom: true, Inputs: map[string]any{"name": name}}
		return events.EngineEvent{EngineEvent: apitype.EngineEvent{ResourcePreEvent: &apitype.ResourcePreEvent{
			Planning: planning,
			Metadata: apitype.StepEventMetadata{Op: op, URN: string(urn("k:g:Group", name)), Type: "k:g:Group", New: state, Diffs: []string{"b", "a"}},
		}}}
	}
	w.events <- step(apitype.OpCreate, "made", true)
	w.events <- step(apitype.OpCreate, "no preview", false)
	w.events <- step(apitype.OpSame, "same", true)
	w.events <- step(apitype.OpUpdate, "changed", true)
	w.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{
		Severity: "error", URN: string(urn("k:g:Group", "bad")), Message: "<{%reset%}>it broke\n",
	}}}
	w.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: "info", Message: "chatter"}}}
	for _, said := range []string{"no key decrypts a\n", "no key decrypts a\n", "not compared with what there is: no such container"} {
		w.events <- events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{
			Severity: "warning", URN: string(urn("mlflow-sso:mlflow:Server$mlflow-sso:mlflow:EncryptionKey", "gateway-key")), Message: said,
		}}}
	}
	close(w.events)
	w.end()
	require.Equal(t, []string{"no key decrypts a"}, w.warnings)
	require.Empty(t, w.reports)

	require.Equal(t, []string{"bad: it broke"}, w.problems)
	require.Len(t, w.creates, 1)
	require.Equal(t, "made", w.creates[0].inputs["name"])
	found := changes(w.differences)
	require.Len(t, found, 2)
	require.Equal(t, "changed: would be changed", found[0].String())
	require.Equal(t, "made: would be created", found[1].String())
}

func TestForgettingLeavesEverythingButWhatWasCutOff(t *testing.T) {
	members := map[string]json.RawMessage{}
	whole, err := withoutCutOff(json.RawMessage(`{"manifest":{"x":1},"resources":[{"urn":"u"}],"pending_operations":[{"type":"creating"}]}`))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(whole, &members))

	require.NotContains(t, members, "pending_operations")
	require.JSONEq(t, `[{"urn":"u"}]`, string(members["resources"]))
	require.JSONEq(t, `{"x":1}`, string(members["manifest"]))
}
