package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	component "github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

var fakeRoot = base64.StdEncoding.EncodeToString([]byte("a root secret of 32 bytes, really"[:32]))

// registerDataKeys registers one key of each type, as the components do.
func registerDataKeys(t *testing.T, ctx *pulumi.Context, own pulumi.ProviderResource) {
	t.Helper()
	previous := pulumi.StringMap{"1.1": pulumi.String("the first key")}
	_, err := mlflow.NewEncryptionKey(ctx, "e", &mlflow.EncryptionKeyArgs{Provider: own, Container: "d-mlflow", Key: mlflow.Key{
		Label: string(credentials.MLflowGateway), Version: "1.2", Value: pulumi.String("the second key"), Previous: previous,
	}})
	require.NoError(t, err)
	_, err = component.NewRepositoryKey(ctx, "k", &component.RepositoryKeyArgs{Provider: own, Container: "d-backup", Key: component.Key{
		Version: "1.2", Value: pulumi.String("the second key"), Previous: previous, RootSecret: pulumi.String(fakeRoot),
		PassphraseFile: "/nowhere/passphrase", PassphraseDigest: pulumi.String("d1"),
	}})
	require.NoError(t, err)
}

// fakeHost has MLflow's container, with stored secrets by the number of their key, and the
// backup's, with keys that open the repository.
type fakeHost struct {
	t     *testing.T
	state engine.State
	err   error
	// stored is the number of the key of each secret; 0 for an unknown key.
	stored map[string]int
	// opens are the keys of the repository, has is the container's.
	opens            []string
	has              string
	identity, sealed string
	// argv are all commands, rewraps those that may change something.
	argv    [][]string
	changes int
}

func (f *fakeHost) Close() error { return nil }

func (f *fakeHost) WaitReady(ctx context.Context, _ string, waiting func(engine.State)) error {
	if f.err != nil || f.state.Ready() {
		return f.err
	}
	waiting(f.state)
	return ctx.Err()
}

func (f *fakeHost) Exec(_ context.Context, container string, argv []string, options ...engine.ExecOption) (engine.Result, error) {
	f.argv = append(f.argv, argv)
	if f.err != nil {
		return engine.Result{}, f.err
	}
	input, output := engine.Streams(options...)
	given, err := io.ReadAll(input)
	require.NoError(f.t, err)
	if container == "d-mlflow" {
		return engine.Result{Stdout: f.rewrap(given, argv[len(argv)-1] == "report")}, nil
	}
	answer := f.repository(argv[1], string(given))
	_, err = io.WriteString(output, answer)
	return engine.Result{}, err
}

func (f *fakeHost) rewrap(given []byte, report bool) string {
	var keys struct {
		Now    credentials.Key   `json:"now"`
		Before []credentials.Key `json:"before"`
	}
	require.NoError(f.t, json.Unmarshal(given, &keys))
	found := struct {
		Rewrapped int      `json:"rewrapped"`
		Pending   []int    `json:"pending"`
		Lost      []string `json:"lost"`
	}{}
	for name, number := range f.stored {
		known := slices.ContainsFunc(keys.Before, func(k credentials.Key) bool { return k.Number == number && k.Value == "the first key" })
		switch {
		case number == keys.Now.Number:
		case !known:
			found.Lost = append(found.Lost, name)
		case report:
			found.Pending = append(found.Pending, number)
		default:
			f.stored[name], found.Rewrapped, f.changes = keys.Now.Number, found.Rewrapped+1, f.changes+1
		}
	}
	text, err := json.Marshal(found)
	require.NoError(f.t, err)
	return string(text)
}

func (f *fakeHost) repository(verb, given string) string {
	lines := strings.SplitN(given, "\n", 5)
	if verb == "recovery" {
		text, err := json.Marshal(map[string]any{
			"keyOpens": slices.Contains(f.opens, f.has), "passphraseOpens": slices.Contains(f.opens, lines[0]), "identity": f.identity, "sealed": f.sealed,
		})
		require.NoError(f.t, err)
		return string(text)
	}
	require.Equal(f.t, "recover", verb)
	before := strings.Fields(strings.ReplaceAll(lines[3], "the first key", "the-first-key"))
	if len(f.opens) == 0 || slices.Contains(f.opens, f.has) || slices.Contains(before, "the-first-key") && slices.Contains(f.opens, "the first key") {
		f.opens = []string{f.has, lines[0]}
	}
	f.identity, f.sealed, f.changes = lines[1], lines[4], f.changes+1
	return ""
}

// dataKeys is a server with a fake host, the inputs of both types, and the reports.
func dataKeys(t *testing.T) (*server, *fakeHost, map[string]resource.PropertyMap, *[]string) {
	t.Helper()
	f := &fakeHost{t: t, state: engine.State{Status: "running", Health: "healthy"}, stored: map[string]int{}, has: "the second key"}
	s := newServer(newLoginProofs(false))
	in := inContainer{func(context.Context) (containers, error) { return f, nil }}
	s.kinds[mlflow.EncryptionKeyType], s.kinds[component.RepositoryKeyType] = encryptionKeys{in}, repositoryKeys{in}
	var said []string
	s.say = func(_ context.Context, _ resource.URN, text string) { said = append(said, "said: "+text) }
	s.warn = func(_ context.Context, _ resource.URN, text string) { said = append(said, "warned: "+text) }
	inputs := programInputs(t)
	file := filepath.Join(t.TempDir(), "passphrase")
	require.NoError(t, os.WriteFile(file, []byte("a recovery passphrase"), 0o600))
	inputs[component.RepositoryKeyType][component.KeyPassphraseFile] = resource.NewProperty(file)
	return s, f, inputs, &said
}

var dataKeyTypes = []string{mlflow.EncryptionKeyType, component.RepositoryKeyType}

func TestARotationOfADataKeyIsCompletedAndDoneOnce(t *testing.T) {
	s, f, inputs, said := dataKeys(t)
	f.stored["a"], f.stored["b"], f.opens = 1, 2, []string{"the first key"}
	for _, kind := range dataKeyTypes {
		now := read(t, s, kind, inputs[kind])
		require.Contains(t, differing(t, s, kind, now, inputs[kind]), resource.PropertyKey("edition"), kind)
		create(t, s, kind, inputs[kind])
	}
	require.Equal(t, map[string]int{"a": 2, "b": 2}, f.stored)
	require.Equal(t, []string{"the second key", "a recovery passphrase"}, f.opens)
	root, err := backup.Unseal(f.sealed, "a recovery passphrase", f.identity)
	require.NoError(t, err)
	require.Equal(t, fakeRoot, root)
	require.Equal(t, []string{"said: stored API keys encrypted with the current key: 1"}, *said)

	*said, f.changes = nil, 0
	for _, kind := range dataKeyTypes {
		require.Empty(t, differing(t, s, kind, read(t, s, kind, inputs[kind]), inputs[kind]), kind)
		_, err := s.Delete(t.Context(), plugin.DeleteRequest{Type: tokens.Type(kind), Inputs: inputs[kind]})
		require.NoError(t, err)
	}
	require.Zero(t, f.changes, "a comparison and a deletion change nothing")
	require.Empty(t, *said)
	for _, argv := range f.argv {
		for _, secret := range []string{"first key", "second key", "passphrase", fakeRoot} {
			require.NotContains(t, strings.Join(argv, " "), secret, "a secret is an argument")
		}
	}
}

// A recreated container has the same key and the same data.
func TestARecreatedContainerIsNotADifference(t *testing.T) {
	_, _, inputs, _ := dataKeys(t)
	for _, kind := range dataKeyTypes {
		require.False(t, inputs[kind]["container"].ContainsUnknowns(), kind)
		require.True(t, inputs[kind]["container"].IsString(), kind)
	}
}

func TestOlderDataIsADifferenceAndTheNextUpdateRotatesIt(t *testing.T) {
	s, f, inputs, _ := dataKeys(t)
	for _, kind := range dataKeyTypes {
		create(t, s, kind, inputs[kind])
	}
	for name, test := range map[string]struct {
		kind string
		do   func()
		want []resource.PropertyKey
	}{
		"API keys of an older dump": {mlflow.EncryptionKeyType, func() { f.stored["a"] = 1 }, []resource.PropertyKey{"edition"}},
		"a repository of an older key": {component.RepositoryKeyType, func() {
			f.opens = []string{"the first key", "a recovery passphrase"}
		}, []resource.PropertyKey{"edition"}},
		"no recovery passphrase": {component.RepositoryKeyType, func() { f.opens = []string{"the second key"} }, []resource.PropertyKey{"recoverable"}},
		"no copy of the root":    {component.RepositoryKeyType, func() { f.sealed, f.identity = "", "" }, []resource.PropertyKey{"recoverable"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.do()
			now := read(t, s, test.kind, inputs[test.kind])
			require.Equal(t, test.want, differing(t, s, test.kind, now, inputs[test.kind]))
			_, err := s.Update(t.Context(), plugin.UpdateRequest{Type: tokens.Type(test.kind), OldInputs: now, NewInputs: inputs[test.kind]})
			require.NoError(t, err)
			require.Empty(t, differing(t, s, test.kind, read(t, s, test.kind, inputs[test.kind]), inputs[test.kind]))
		})
	}
}

func TestEarlierKeysAreTriedNewestFirstAndNeverTheCurrentOne(t *testing.T) {
	_, _, inputs, _ := dataKeys(t)
	restored := inputs[component.RepositoryKeyType].Copy()
	earlier := resource.PropertyMap{}
	for version, value := range map[string]string{"1.1": "oldest", "1.10": "newer", "1.9": "older", "2.1": "the second key", "2.2": "newest"} {
		earlier[resource.PropertyKey(version)] = resource.NewProperty(value)
	}
	restored[component.KeyPrevious] = resource.MakeSecret(resource.NewProperty(earlier))
	got, err := recoveryOf(restored)
	require.NoError(t, err)
	// After a restore all root secrets are equal. Removing the current key would lock the stack
	// out.
	require.Equal(t, []string{"newest", "newer", "older", "oldest"}, got.Previous)
}

func TestAnotherPassphraseIsAnUpdate(t *testing.T) {
	s, f, inputs, _ := dataKeys(t)
	before := inputs[component.RepositoryKeyType]
	create(t, s, component.RepositoryKeyType, before)
	after := before.Copy()
	after[component.KeyPassphraseDigest] = resource.MakeSecret(resource.NewProperty("d2"))
	require.NoError(t, os.WriteFile(text(after, component.KeyPassphraseFile), []byte("another passphrase"), 0o600))
	require.Equal(t, []resource.PropertyKey{component.KeyPassphraseDigest}, differing(t, s, component.RepositoryKeyType, before, after))
	_, err := s.Update(t.Context(), plugin.UpdateRequest{Type: component.RepositoryKeyType, OldInputs: before, NewInputs: after})
	require.NoError(t, err)
	require.Equal(t, []string{"the second key", "another passphrase"}, f.opens)
}

func TestASecretThatNoKeyDecryptsIsAWarningByNameAndTheRestIsRotated(t *testing.T) {
	s, f, inputs, said := dataKeys(t)
	f.stored["kept"], f.stored["lost"] = 1, 0
	create(t, s, mlflow.EncryptionKeyType, inputs[mlflow.EncryptionKeyType])
	require.Equal(t, map[string]int{"kept": 2, "lost": 0}, f.stored)
	require.Len(t, *said, 2)
	require.Contains(t, (*said)[1], "warned: no key of this stack decrypts the stored API key lost: ")
}

func TestAContainerThatCannotBeAskedIsReportedAndThePreviewAsksNothing(t *testing.T) {
	for name, test := range map[string]struct {
		state engine.State
		err   error
		want  string
	}{
		"gone":    {err: engine.ErrNoContainer, want: "pulumi up --refresh"},
		"stopped": {state: engine.State{Status: "exited", ExitCode: 3}, want: "it has ended with code 3"},
	} {
		t.Run(name, func(t *testing.T) {
			s, f, inputs, said := dataKeys(t)
			f.state, f.err = test.state, test.err
			for _, kind := range dataKeyTypes {
				_, err := s.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(kind), Properties: inputs[kind]})
				require.ErrorContains(t, err, test.want)
				require.NotContains(t, err.Error(), "second key")
				_, err = s.Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(kind), Properties: inputs[kind], Preview: true})
				require.NoError(t, err)
			}
			require.Empty(t, f.argv, "nothing is run in a container that is not ready, or in a preview")
			f.err = engine.ErrNotRunning
			for _, kind := range dataKeyTypes {
				require.Equal(t, inputs[kind], read(t, s, kind, inputs[kind]), kind)
			}
			require.Len(t, *said, 2)
			require.Contains(t, (*said)[0], "not compared with what there is")
		})
	}
}
