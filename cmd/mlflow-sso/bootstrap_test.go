package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/machine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
)

func TestBootstrapRefusesAFormatBeforeItTouchesTheMachine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(datadir.Variable, dir)
	var stderr bytes.Buffer

	code := run([]string{"bootstrap", "--output", "yaml"}, io.Discard, &stderr)

	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr.String(), "table or json")
	require.NoDirExists(t, dir+"/toolchain")
}

func TestBootstrapListsEveryPartInBothFormats(t *testing.T) {
	h, err := datadir.At(t.TempDir())
	require.NoError(t, err)
	ready := &machine.Machine{
		Home: h, Base: baseimage.Reference,
		Docker:    &engine.Engine{Version: "28.0.1", Host: "unix:///run/docker.sock"},
		Toolchain: &toolchain.Toolchain{Parts: []toolchain.Part{{Name: "Pulumi command line", Version: "3.258.0", From: "/usr/bin/pulumi"}}},
	}
	var table, text bytes.Buffer
	require.NoError(t, printMachine(&table, ready, "table"))
	require.NoError(t, printMachine(&text, ready, "json"))

	for _, want := range []string{"28.0.1", "unix:///run/docker.sock", baseimage.Reference, "3.258.0", "/usr/bin/pulumi", h.Dir()} {
		require.Contains(t, table.String(), want)
		require.Contains(t, text.String(), want)
	}
	var decoded struct{ Parts []part }
	require.NoError(t, json.Unmarshal(text.Bytes(), &decoded))
	require.Len(t, decoded.Parts, 3)
	for line := range strings.Lines(table.String()) {
		require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"))
	}
}
