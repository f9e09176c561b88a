package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine/enginetest"
)

// printsNoResult are the commands without --output, and why.
var printsNoResult = map[string]string{
	"mlflow-sso":         "prints the help",
	"mlflow-sso outputs": "prints JSON in any case",
	"mlflow-sso destroy": "reports on standard error alone",
}

func TestEveryCommandThatPrintsAResultPrintsItAsJSON(t *testing.T) {
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		output := command.Flags().Lookup("output")
		if _, exempt := printsNoResult[command.CommandPath()]; exempt {
			require.Nil(t, output)
			return
		}
		require.NotNil(t, output)
		require.Equal(t, "o", output.Shorthand)
		require.NoError(t, output.Value.Set("json"))
	})
}

func TestFlagsHaveTheShortFormsOfPulumi(t *testing.T) {
	for long, short := range map[string]string{"stack": "s", "file": "f", "cwd": "C"} {
		require.Equal(t, short, newRootCommand(nil).PersistentFlags().Lookup(long).Shorthand)
	}
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		if yes := command.Flags().Lookup("yes"); yes != nil {
			require.Equal(t, "y", yes.Shorthand)
		}
	})
	// Each command parses them all: no short form is given twice.
	logs := subcommand(newRootCommand(nil), "logs")
	require.NoError(t, logs.ParseFlags([]string{"-f", "-s", "prod", "-C", ".", "-o", "json", "--file", "x"}))
	require.Equal(t, "true", logs.Flag("follow").Value.String())
	require.Equal(t, "x", logs.Flag("file").Value.String())
}

func TestACommandRunsInTheDirectoryOfCwd(t *testing.T) {
	t.Setenv(datadir.Variable, filepath.Join(t.TempDir(), "home"))
	copied := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(copied, "go.mod"), []byte("module github.com/mlflow-sso/mlflow-sso\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(copied, "Pulumi.lab.yaml"), nil, 0o600))
	t.Chdir(t.TempDir())
	var stdout bytes.Buffer
	require.Zero(t, run([]string{"__complete", "up", "-C", copied, "--stack", ""}, &stdout, io.Discard))
	require.Contains(t, stdout.String(), "lab\n")

	t.Chdir(t.TempDir())
	enginetest.None(t)
	stdout.Reset()
	require.Zero(t, run([]string{"list", "-C", copied, "-o", "json"}, &stdout, io.Discard))
	require.Contains(t, stdout.String(), `"workingCopy": "`+copied+`"`)
	require.Equal(t, exitUsage, run([]string{"list", "-C", "/no/such/directory"}, io.Discard, io.Discard))
}

// interrupted runs a command that a signal ends, and which then returns an error.
func interrupted(t *testing.T, name string, received syscall.Signal, failed func(context.Context) error) (code int, stderr string) {
	t.Helper()
	ctx, stop := endedBySignals(t.Context())
	defer stop()
	root := newRootCommand(nil)
	subcommand(root, name).RunE = func(cmd *cobra.Command, _ []string) error {
		require.NoError(t, syscall.Kill(os.Getpid(), received))
		<-cmd.Context().Done()
		return failed(cmd.Context())
	}
	var out bytes.Buffer
	code = runRoot(ctx, root, []string{name}, io.Discard, &out)
	return code, out.String()
}

func TestCtrlCEndsWith130AndSaysSo(t *testing.T) {
	canceled := func(ctx context.Context) error { return fmt.Errorf("stack dev: %w", ctx.Err()) }
	code, stderr := interrupted(t, "preview", syscall.SIGINT, canceled)
	require.Equal(t, exitInterrupted, code)
	require.Equal(t, "interrupted with Ctrl-C\n", stderr)

	code, stderr = interrupted(t, "preview", syscall.SIGINT, func(context.Context) error { return errors.New("Pulumi reports: preview canceled") })
	require.Equal(t, exitInterrupted, code)
	require.NotContains(t, stderr, "canceled")

	code, stderr = interrupted(t, "up", syscall.SIGTERM, canceled)
	require.Equal(t, 143, code)
	require.Equal(t, "interrupted by SIGTERM; run the same command again to continue\n", stderr)

	// What was left behind is an error of its own, and is never lost.
	code, stderr = interrupted(t, "console", syscall.SIGINT, func(ctx context.Context) error {
		return fmt.Errorf("stack dev: %w", errors.Join(context.Cause(ctx), errors.New("the administrator was not deleted")))
	})
	require.Equal(t, exitInterrupted, code)
	require.Equal(t, "interrupted with Ctrl-C\nerror: the administrator was not deleted\n", stderr)

	// A command whose end is Ctrl-C has succeeded.
	code, stderr = interrupted(t, "console", syscall.SIGINT, func(context.Context) error { return nil })
	require.Zero(t, code)
	require.Empty(t, stderr)
}

func TestAnUnknownStackOrTopicIsAMistakeInTheArgumentsAndABrokenStackFileIsNot(t *testing.T) {
	t.Setenv(datadir.Variable, filepath.Join(t.TempDir(), "home"))
	enginetest.None(t)
	broken := filepath.Join(t.TempDir(), "Pulumi.lab.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("config:\n  mlflow-sso:colour: blue\n"), 0o600))
	for want, all := range map[int][][]string{
		exitUsage: {
			{"help", "nope"},
			{"help", "backup", "nope"},
			{"doctor", "--stack", "nope"},
			{"preview", "--stack", "nope"},
			{"preview", "--file", filepath.Join(t.TempDir(), "gone.yaml")},
			{"logs", "webserver"},
			{"logs", "--tail", "few"},
			{"logs", "--since", "yesterday"},
			{"list", "--stack", "dev"},
			{"version", "now"},
			{"status", "--stak", "dev"},
		},
		exitFailed: {{"preview", "--file", broken}, {"status"}, {"doctor"}},
		exitOK:     {{"help", "backup", "list"}, {"help"}, {"version"}, {"--version"}, {"list"}},
	} {
		for _, args := range all {
			var stderr bytes.Buffer
			require.Equal(t, want, run(args, io.Discard, &stderr), "%q: %s", args, stderr.String())
		}
	}
	var stderr bytes.Buffer
	run([]string{"status", "--stak", "dev"}, io.Discard, &stderr)
	require.Contains(t, stderr.String(), "did you mean --stack?")
	stderr.Reset()
	run([]string{"backup", "lst"}, io.Discard, &stderr)
	require.Contains(t, stderr.String(), "did you mean list?")
	stderr.Reset()
	run([]string{"preview", "--stack", "nope"}, io.Discard, &stderr)
	require.Contains(t, stderr.String(), "want one of dev, prod")
}

// lab is a deployment of which one container does not run.
func lab(t *testing.T) {
	t.Helper()
	t.Setenv(datadir.Variable, filepath.Join(t.TempDir(), "home"))
	labels := func(component string) map[string]string {
		return map[string]string{naming.Deployment: "lab", naming.Component: component}
	}
	enginetest.Serve(t,
		enginetest.Container{
			Name: "lab-mlflow", Labels: labels("mlflow"), Out: "2026-05-04T10:00:01Z of mlflow\n",
			State: container.State{Status: "running", Running: true, StartedAt: "2026-05-04T10:00:00Z", Health: &container.Health{Status: "healthy"}},
			Ports: []container.Port{{IP: "127.0.0.1", PublicPort: 5000}},
		},
		enginetest.Container{
			Name: "lab-redis", Labels: labels("redis"), Out: "2026-05-04T10:00:00Z of redis\n",
			State: container.State{Status: "exited", FinishedAt: time.Now().Add(-time.Minute).Format(time.RFC3339Nano)},
		},
	)
}

func TestStatusListAndLogsWorkWithoutAState(t *testing.T) {
	lab(t)
	t.Chdir(t.TempDir())
	must := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		require.Zero(t, run(args, &stdout, &stderr), "%q: %s", args, stderr.String())
		return stdout.String()
	}
	status := must("status", "-s", "lab")
	require.Contains(t, status, "1 of 2 containers ready")
	require.Regexp(t, `redis +exited +- +1m0s ago +- +lab-redis +sha256:0123456789ab\n`, status)
	require.Regexp(t, `mlflow +running +healthy .* 127\.0\.0\.1:5000 +lab-mlflow`, status)
	require.Contains(t, status, "another account")
	var read map[string]any
	require.NoError(t, json.Unmarshal([]byte(must("status", "-s", "lab", "-o", "json")), &read))
	require.Equal(t, false, read["ownState"])
	require.Len(t, read["containers"], 2)

	list := must("list")
	require.Regexp(t, `- +lab +1 of 2 .* of another account`, list)

	require.Equal(t, "redis  | of redis\nmlflow | of mlflow\n", must("logs", "-s", "lab"))
	require.Equal(t, "of mlflow\n", must("logs", "-s", "lab", "mlflow"))
	require.JSONEq(t, `{"component":"redis","time":"2026-05-04T10:00:00Z","stream":"stdout","text":"of redis"}`, must("logs", "-s", "lab", "redis", "-o", "json"))
	var stderr bytes.Buffer
	require.Equal(t, exitFailed, run([]string{"logs", "-s", "lab", "edge"}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "it has redis, mlflow")
}

func TestComponentsAreCompleted(t *testing.T) {
	var stdout bytes.Buffer
	require.Zero(t, run([]string{"__complete", "logs", "redis", ""}, &stdout, io.Discard))
	require.Contains(t, stdout.String(), "identity-sync\n")
	require.NotContains(t, stdout.String(), "redis\n")
}
