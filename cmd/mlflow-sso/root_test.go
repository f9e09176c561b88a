package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

var update = flag.Bool("update", false, "write docs/reference, then fail")

// everyCommand calls do for each visible command.
func everyCommand(t *testing.T, do func(t *testing.T, command *cobra.Command)) {
	t.Helper()
	var visit func(*cobra.Command)
	visit = func(command *cobra.Command) {
		t.Run(command.CommandPath(), func(t *testing.T) { do(t, command) })
		for _, child := range command.Commands() {
			if child.IsAvailableCommand() {
				visit(child)
			}
		}
	}
	visit(newRootCommand(nil))
}

func TestEveryCommandHasPlainHelpWithAnExampleAndItsExitCodes(t *testing.T) {
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		require.NotEmpty(t, command.Short)
		require.LessOrEqual(t, len(command.Short), 80)
		require.NotEqual(t, '.', rune(command.Short[len(command.Short)-1]))
		require.NotEmpty(t, command.Example)
		require.Contains(t, command.Example, command.CommandPath())
		for line := range strings.Lines(command.Long) {
			require.LessOrEqual(t, len(line), 100, line)
		}
		var help bytes.Buffer
		command.SetOut(&help)
		require.NoError(t, command.Help())
		require.Contains(t, help.String(), "Exit codes:\n  0  success\n  1  ")
		require.Contains(t, help.String(), "  2  a mistake in the arguments")
		require.NotContains(t, help.String(), "Aliases:")
		for _, row := range renamedFlags {
			if command.CommandPath() == "mlflow-sso "+row.command {
				require.NotContains(t, help.String(), "--"+row.old+" ")
			}
		}
		require.NotContains(t, help.String(), "\x1b")
	})
}

func TestEveryCommandIsInAGroup(t *testing.T) {
	root := newRootCommand(nil)
	titles := []string{}
	for _, group := range root.Groups() {
		titles = append(titles, group.Title)
	}
	require.Equal(t, []string{"Deploy:", "Check:", "Users and access:", "Data:", "Machine:"}, titles)
	for _, command := range root.Commands() {
		require.True(t, command.GroupID != "" || command.Hidden, command.Name())
	}
	var help bytes.Buffer
	require.Zero(t, runRoot(t.Context(), root, nil, &help, io.Discard))
	require.NotContains(t, help.String(), "Additional Commands")
}

// pflag treats a quoted word of a flag's usage as the name of its value.
func TestAFlagWithoutAValueNamesNone(t *testing.T) {
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		command.Flags().VisitAll(func(f *pflag.Flag) {
			if name, _ := pflag.UnquoteUsage(f); f.NoOptDefVal != "" {
				require.Empty(t, name, "--%s", f.Name)
			}
		})
	})
}

func TestStackAndFileWorkForEveryCommandButBootstrap(t *testing.T) {
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		require.NotNil(t, command.Flag("stack"))
	})
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"bootstrap", "--stack", "prod"}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "--stack: remove this flag")
}

// Code 2 means a mistake in the arguments and nothing else.
func TestExitCodes(t *testing.T) {
	for err, code := range map[error]int{
		nil:                             exitOK,
		errors.New("other"):             exitFailed,
		errChecks:                       exitFailed,
		errIncomplete:                   exitFailed,
		usageError{errors.New("usage")}: exitUsage,
		errDrift:                        exitChanges,
		errChanges:                      exitChanges,
		errFindings:                     exitFindings,
		errBreaches:                     exitFindings,
	} {
		require.Equal(t, code, exitCode(err), "%v", err)
		if err != nil {
			require.Equal(t, code, exitCode(fmt.Errorf("wrapped: %w", err)), "%v", err)
		}
	}
	require.Equal(t, [...]int{0, 1, 2, 3, 4, 130}, [...]int{exitOK, exitFailed, exitUsage, exitChanges, exitFindings, exitInterrupted}, "scripts depend on them")
}

func TestMistakesInTheArgumentsEndWithTwo(t *testing.T) {
	for _, args := range [][]string{
		{"verfy"},
		{"backup", "lst"},
		{"--nonsense"},
		{"up", "prod"},
		{"drift", "--output", "xml"},
		{"up", "--stack"},
		{"upgrade", "--rehearse-only", "--rollback"},
		{"console", "--duration", "1s"},
		{"break-glass"},
		{"destroy", "--delete-data"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(args, &stdout, &stderr), "%q\n%s", args, stderr.String())
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "error: ")
	}
	var stderr bytes.Buffer
	require.Equal(t, exitUsage, run([]string{"verfy"}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "did you mean verify?")
}

func TestASucceededAttackIsAFindingAndAnImpossibleOneIsNot(t *testing.T) {
	of := func(statuses ...check.Status) check.Report {
		var r check.Report
		for _, status := range statuses {
			r.Checks = append(r.Checks, check.Result{ID: "x", Status: status})
		}
		return r
	}
	require.NoError(t, breaches(of(check.StatusPassed, check.StatusPassed)))
	require.ErrorIs(t, breaches(of(check.StatusPassed, check.StatusNotRun)), errChecks)
	require.ErrorIs(t, breaches(of(check.StatusNotRun, check.StatusFailed)), errBreaches)
}

func TestNamesAreCompleted(t *testing.T) {
	t.Setenv(datadir.Variable, filepath.Join(t.TempDir(), "home"))
	complete := func(args ...string) string {
		var stdout bytes.Buffer
		require.Zero(t, run(append([]string{"__complete"}, args...), &stdout, io.Discard))
		return stdout.String()
	}
	require.Contains(t, complete("up", "--stack", ""), "dev\nprod\n")
	require.Contains(t, complete("verify", "--output", ""), "table\njson\n")
	require.Contains(t, complete("token", "ci", "--output", ""), "kubernetes\n")
	require.Contains(t, complete("sec"), "security-test\t")
	require.NotContains(t, complete("att"), "attack", "old names are not offered")

	c := &config.Config{Users: []config.User{{Username: "ada"}}, ServiceAccounts: []config.ServiceAccount{{Name: "ci"}}}
	require.Equal(t, []string{"ada"}, userNames(c))
	require.Equal(t, []string{"ci"}, serviceAccountNames(c))

	file := filepath.Join(t.TempDir(), "Pulumi.lab.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`config:
  mlflow-sso:name: lab
  mlflow-sso:mlflow: {publicURL: "http://localhost:5000"}
  mlflow-sso:keycloak: {publicURL: "http://localhost:8080"}
  mlflow-sso:realm: {sslRequired: none}
  mlflow-sso:users: [{username: ada, email: ada@example.com, groups: [mlflow-users]}]
`), 0o600))
	require.Contains(t, complete("invite", "--file", file, ""), "ada\n")
}

// `make golden` generates the pages; a stale page fails the test.
func TestTheReferencePagesAreCurrent(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := referencePages(root, newRootCommand(nil))
	require.NoError(t, err)
	for name, page := range pages {
		path := filepath.Join(root, "docs", "reference", name)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
			t.Errorf("wrote %s: read it, then run without -update", path)
			continue
		}
		committed, err := os.ReadFile(path)
		require.NoError(t, err, "run `make golden`")
		require.Equal(t, page, string(committed), "run `make golden`")
		require.NotRegexp(t, regexp.MustCompile(`/(home|root|tmp)/`), page, "the page names this machine")
	}
}

func TestTheReferenceHasEveryCommandFlagAndSetting(t *testing.T) {
	pages, err := referencePages(filepath.Join("..", ".."), newRootCommand(nil))
	require.NoError(t, err)
	everyCommand(t, func(t *testing.T, command *cobra.Command) {
		if command.HasParent() && command.Name() != "help" && !strings.Contains(command.CommandPath(), "completion") {
			require.Contains(t, pages["cli.md"], "### "+command.CommandPath()+"\n")
		}
	})
	for _, row := range renamedFlags {
		require.Contains(t, pages["cli.md"], "--"+row.current+" ")
	}
	for _, setting := range config.Schema() {
		if strings.Contains(setting.Path, ".") {
			require.Contains(t, pages["settings.md"], "| `"+setting.Path+"` |")
		}
	}
}
