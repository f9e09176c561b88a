package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files, then fail")

// example has one check of every outcome.
func example() Report {
	return Report{
		Title: "mlflow-sso-dev at http://localhost:5000",
		Began: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600)),
		Took:  4321 * time.Millisecond,
		Checks: []Check{
			{Name: "discovery", Status: Passed, Took: 312 * time.Millisecond, Detail: "issuer http://localhost:8080/realms/mlflow"},
			{Name: "member-login", Status: Failed, Took: 1250 * time.Millisecond, Got: "refused: <User> is not allowed", Wanted: "a session", Next: "check the group mapper\nand at the group's name"},
			{Name: "cache", Status: Failed, Took: time.Second, Reason: "redis does not answer", Next: "docker logs redis"},
			{Name: "logout", Status: NotRun, Reason: "needs member-login"},
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
		t.Errorf("wrote %s: read it, then run without -update", path)
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestTheTableStaysAsItIs(t *testing.T) {
	var plain, coloured bytes.Buffer
	require.NoError(t, WriteTable(&plain, example(), false))
	require.NoError(t, WriteTable(&coloured, example(), true))
	golden(t, "table.txt", plain.Bytes())
	golden(t, "table-colour.txt", coloured.Bytes())
}

func TestTheJSONStaysAsItIs(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, WriteJSON(&got, example()))
	golden(t, "report.json", got.Bytes())
}

func TestOnlyAReportWithNothingButPassedChecksIsOK(t *testing.T) {
	require.False(t, Report{}.OK(), "nothing was checked")
	require.True(t, Report{Checks: []Check{{Status: Passed}}}.OK())
	require.False(t, Report{Checks: []Check{{Status: Passed}, {Status: Failed}}}.OK())
	require.False(t, Report{Checks: []Check{{Status: Passed}, {Status: NotRun}}}.OK())
	require.False(t, Report{Checks: []Check{{}}}.OK(), "a check without an outcome")
}

func TestColourNeedsATerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	require.False(t, Colour(&bytes.Buffer{}))
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	require.False(t, Colour(file))
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAWriterThatFailsIsNotIgnored(t *testing.T) {
	require.ErrorContains(t, WriteTable(brokenWriter{}, example(), false), "disk full")
	require.ErrorContains(t, WriteJSON(brokenWriter{}, example()), "disk full")
}
