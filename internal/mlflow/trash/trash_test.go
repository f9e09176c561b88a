package trash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// container answers one command, and records it.
type container struct {
	result engine.Result
	err    error
	argv   []string
}

func (c *container) Exec(_ context.Context, _ string, argv []string, _ ...engine.ExecOption) (engine.Result, error) {
	c.argv = argv
	return c.result, c.err
}

var request = Request{Trash: 30 * 24 * time.Hour, Orphans: 24 * time.Hour}

func TestAnAgeThatAnUploadMayHaveIsNeverAsked(t *testing.T) {
	c := &container{}
	_, err := Run(t.Context(), c, "d-mlflow", Request{Trash: -time.Second, Orphans: time.Minute})
	require.ErrorContains(t, err, "the time in the trash is -1s, want 0s or more")
	require.ErrorContains(t, err, "the age of orphaned files is 1m0s, want at least 1h0m0s")
	require.Nil(t, c.argv)
	require.NoError(t, Request{Orphans: MinOrphanAge}.Validate())
	require.Error(t, Request{Trash: time.Millisecond, Orphans: MinOrphanAge}.Validate())
}

func TestAnImageWithoutTheModuleIsNamedWithTheNextStep(t *testing.T) {
	for _, said := range []string{"/opt/mlflow/bin/python: No module named mlflow_sso.trash", "ModuleNotFoundError: No module named mlflow_sso"} {
		_, err := Run(t.Context(), &container{result: engine.Result{ExitCode: 1, Stderr: said}}, "d-mlflow", request)
		require.ErrorContains(t, err, "the image of d-mlflow is of a release without this command: run `mlflow-sso up` first")
	}
	_, err := Run(t.Context(), &container{result: engine.Result{ExitCode: 1, Stderr: "OperationalError: refused"}}, "d-mlflow", request)
	require.ErrorContains(t, err, "clean d-mlflow: exit code 1: OperationalError: refused")
	_, err = Run(t.Context(), &container{err: errors.New("no such container")}, "d-mlflow", request)
	require.ErrorContains(t, err, "no such container")
	_, err = Run(t.Context(), &container{result: engine.Result{Stdout: "no"}}, "d-mlflow", request)
	require.ErrorContains(t, err, "not the wanted JSON")
}

func TestACommandThatWaitsForASnapshotSaysSo(t *testing.T) {
	_, err := Run(t.Context(), &container{result: engine.Result{ExitCode: busy, Stderr: "a snapshot"}}, "d-mlflow", request)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "run the command again when that has ended")
}

const answer = `{"rows": {"experiments": 1, "runs": 2, "loggedModels": 3, "traces": 4},
  "files": {"trash": {"places": 5, "files": 6, "bytes": 1048576}, "orphans": {"places": 7, "files": 8, "bytes": 2097152}, "uploads": {"places": 1, "files": 1, "bytes": 0},
    "recent": {"places": 9, "files": 9, "bytes": 9}, "foreign": {"places": 10, "files": 1, "bytes": 1}},
  "unknown": 11, "largest": [{"bytes": 1048576, "place": "1/models/m-a", "kind": "logged model", "of": "orphans"}],
  "keptCount": 1, "kept": [{"what": "run a", "why": "named by version 1 of model chu\u001brn"}],
  "failureCount": 2, "failures": [{"what": "1/b", "error": "OSError: read-only file system"}]}`

func TestAResultIsReadAndWritten(t *testing.T) {
	c := &container{result: engine.Result{Stdout: answer}}
	got, err := Run(t.Context(), c, "d-mlflow", request)
	require.NoError(t, err)
	require.Equal(t, []string{"python", "-m", "mlflow_sso.trash"}, c.argv)
	require.Equal(t, int64(3<<20), got.Bytes())
	require.False(t, got.Empty())
	require.True(t, Result{Unknown: 3, KeptCount: 1}.Empty())

	var out bytes.Buffer
	require.NoError(t, Write(&out, got, "DELETED"))
	for _, want := range []string{
		"DELETED  ", "runs in the trash or in these experiments           2", "folders that no row names                           7      8      2.0 MiB", "3.0 MiB",
		`run a: "named by version 1 of model chu\x1brn"`, "kept: 9 folders", "kept: 10 folders of unknown origin", "--unknown-origin", "kept: 11 files",
		"1/models/m-a  logged model  1.0 MiB", "2 could not be deleted:\n  1/b: OSError: read-only file system",
	} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "\x1b")

	out.Reset()
	require.NoError(t, Write(&out, Result{}, "TO DELETE"))
	require.True(t, strings.HasSuffix(out.String(), "0 B\n"), "nothing below the table: %s", out.String())
}

func TestTheResultHasNoFieldThatTheImageDoesNotSend(t *testing.T) {
	decoder := json.NewDecoder(strings.NewReader(answer))
	decoder.DisallowUnknownFields()
	var got Result
	require.NoError(t, decoder.Decode(&got))
	encoded, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, answer, string(encoded))
}
