package probe

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/images"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// container answers commands in order, and records them.
type container struct {
	results []engine.Result
	argv    [][]string
	inputs  int
	err     error
}

func (c *container) Exec(_ context.Context, _ string, argv []string, options ...engine.ExecOption) (engine.Result, error) {
	c.argv = append(c.argv, argv)
	c.inputs += len(options)
	if c.err != nil {
		return engine.Result{}, c.err
	}
	result := c.results[0]
	c.results = c.results[1:]
	return result, nil
}

func TestAProbeOfTheImageRunsFromTheImage(t *testing.T) {
	c := &container{results: []engine.Result{{Stdout: `{"bytes": 3}`}}}
	got, err := JSON[struct{ Bytes int }](t.Context(), c, "x-mlflow", SpooledBytes, []byte("input"), "argument")
	require.NoError(t, err)
	require.Equal(t, 3, got.Bytes)
	require.Len(t, c.argv, 1)
	require.Equal(t, []string{"python", "-m", "mlflow_sso.probes", "spooled_bytes"}, c.argv[0][:4])
	require.Regexp(t, `^[0-9a-f]{64}$`, c.argv[0][4])
	require.Equal(t, "argument", c.argv[0][5])
	require.Equal(t, 1, c.inputs)
}

func TestAnImageWithoutThisVersionOfAProbeIsSentTheSource(t *testing.T) {
	for name, first := range map[string]engine.Result{
		"another version":       {ExitCode: unavailable},
		"no package of probes":  {ExitCode: 1, Stderr: "/opt/mlflow/bin/python: No module named mlflow_sso.probes\n"},
		"no package of ours":    {ExitCode: 1, Stderr: "python: Error while finding module specification for 'mlflow_sso.probes' (ModuleNotFoundError: No module named 'mlflow_sso')"},
		"no package, a warning": {ExitCode: 1, Stderr: "a warning\npython: No module named mlflow_sso.probes"},
	} {
		c := &container{results: []engine.Result{first, {Stdout: `{"bytes": 4}`}}}
		got, err := JSON[struct{ Bytes int }](t.Context(), c, "x-mlflow", SpooledBytes, []byte("input"), "argument")
		require.NoError(t, err, name)
		require.Equal(t, 4, got.Bytes, name)
		source, err := SpooledBytes.source()
		require.NoError(t, err)
		require.Equal(t, []string{"python", "-c", string(source), "argument"}, c.argv[1], name)
		require.Equal(t, 2, c.inputs, "%s: the input is there a second time", name)
	}
}

func TestAProbeThatFailsIsNotRunAgain(t *testing.T) {
	for _, failure := range []engine.Result{
		{ExitCode: 1, Stderr: "Traceback\nModuleNotFoundError: No module named 'psycopg'"},
		{ExitCode: 1, Stderr: "the stored API key 1 is not encrypted"},
		{ExitCode: 2},
	} {
		c := &container{results: []engine.Result{failure}}
		_, err := APIKeyRewrap.Run(t.Context(), c, "x-mlflow", nil)
		require.ErrorContains(t, err, "exit code")
		require.Len(t, c.argv, 1)
		require.Zero(t, c.inputs)
	}
	c := &container{err: errors.New("the engine is down")}
	_, err := APIKeyRewrap.Run(t.Context(), c, "x-mlflow", nil)
	require.EqualError(t, err, "probe api_key_rewrap: the engine is down")
}

func TestAnAnswerOfAnotherKindIsAnErrorThatDoesNotRepeatIt(t *testing.T) {
	c := &container{results: []engine.Result{{Stdout: "hidden-value"}}}
	_, err := JSON[[]string](t.Context(), c, "x-mlflow", CodeExchange, nil)
	require.EqualError(t, err, "the answer of probe code_exchange is not the wanted JSON")
}

// declared returns the values of this package's constants.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "probe.go", nil, 0)
	require.NoError(t, err)
	found := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Probe" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		found[value] = true
		return true
	})
	return found
}

func TestEveryProbeHasAModuleAndEveryModuleAProbe(t *testing.T) {
	names, err := fs.Glob(images.Probes, path.Join(images.ProbesFolder, "[a-z]*.py"))
	require.NoError(t, err)
	modules := map[string]bool{}
	for _, name := range names {
		modules[strings.TrimSuffix(path.Base(name), ".py")] = true
	}
	require.Equal(t, declared(t), modules)
}
