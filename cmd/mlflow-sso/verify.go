package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// outputsOf reads the outputs of a stack, secrets in clear.
type outputsOf func(ctx context.Context, which stackFlags) (outputs.Stack, error)

// errChecks is returned if a check failed or could not run.
var errChecks = errors.New("not every check passed")

func newVerifyCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var file string
	var output format
	command := &cobra.Command{
		Use:   "verify",
		Short: "Verify that authorized users can log in and all others are refused",
		Long: `verify logs in to a running stack as a browser does: as an administrator, as a member, and as
a user without access. It also sends requests that must be refused, each next to the same
request made properly.

A stack without demo users gets three temporary users for the duration of the run. They are
removed afterwards.`,
		Example: `  mlflow-sso verify
  mlflow-sso verify --stack prod --output json
  pulumi stack output --json --show-secrets | mlflow-sso verify --outputs -`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "a check failed or could not run"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stack, err := stackToVerify(cmd, ofStack, *which, file)
			if err != nil {
				return err
			}
			return verifyOutputs(cmd.Context(), streamsOf(cmd), stack, output)
		},
	}
	command.Flags().StringVar(&file, "outputs", "", "read the stack outputs from this `FILE` (- is standard input) and not from the state,\nin the format of pulumi stack output --json --show-secrets")
	output.flag(command)
	return command
}

// verifyOutputs runs the login checks against a stack and reports the results.
func verifyOutputs(ctx context.Context, to streams, stack outputs.Stack, output format) (err error) {
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	done, err := verifyStack(ctx, to, stack, docker, output)
	if err == nil && !done.OK() {
		err = errChecks
	}
	return err
}

// streams are where a result and progress go.
type streams struct{ out, err io.Writer }

func streamsOf(cmd *cobra.Command) streams { return streams{cmd.OutOrStdout(), cmd.ErrOrStderr()} }

func stackToVerify(cmd *cobra.Command, ofStack outputsOf, which stackFlags, file string) (outputs.Stack, error) {
	switch file {
	case "":
		return ofStack(cmd.Context(), which)
	case "-":
		return readOutputs(cmd.InOrStdin(), "standard input")
	}
	opened, err := os.Open(file)
	if err != nil {
		return outputs.Stack{}, fmt.Errorf("read the stack's outputs: %w", err)
	}
	defer func() { _ = opened.Close() }()
	return readOutputs(opened, file)
}

const howToExport = "write them with `pulumi stack output --json --show-secrets`"

// readOutputs reads outputs in Pulumi's JSON. Errors do not repeat the input.
func readOutputs(r io.Reader, source string) (outputs.Stack, error) {
	var stack outputs.Stack
	raw, err := io.ReadAll(r)
	if err != nil {
		return stack, fmt.Errorf("read the stack's outputs from %s: %w", source, err)
	}
	if strings.Contains(string(raw), `"[secret]"`) {
		return stack, fmt.Errorf("the outputs in %s do not contain the secrets; %s", source, howToExport)
	}
	if err := json.Unmarshal(raw, &stack); err != nil {
		return stack, fmt.Errorf("%s contains no stack outputs: %w; %s", source, err, howToExport)
	}
	if stack.Deployment == "" || stack.MLflow.URL == "" || stack.Realm.Issuer == "" {
		return stack, fmt.Errorf("%s lacks deployment, mlflow.url or realm.issuer: the stack is not deployed; run `mlflow-sso up`, then %s", source, howToExport)
	}
	return stack, nil
}

// verifyStack runs the checks and writes the report.
func verifyStack(ctx context.Context, to streams, stack outputs.Stack, docker *engine.Engine, output format) (check.Report, error) {
	var write func(io.Writer, check.Report) error
	if output == asJSON {
		write = report.WriteJSON
	}
	return runChecks(to, login.Suite(stack, docker), write, func(observer check.Observer) (check.Report, error) {
		return login.Run(ctx, stack, docker, observer), nil
	})
}

// runChecks runs a suite and names the check in progress on standard error. The report is a table
// that grows row by row, or what write renders at the end.
func runChecks(to streams, suite check.Suite, write func(io.Writer, check.Report) error, run func(check.Observer) (check.Report, error)) (check.Report, error) {
	observer := check.Observer{Slow: func(id check.ID, ran time.Duration) {
		_, _ = fmt.Fprintf(to.err, "%s has been running for %s\n", id, ran.Round(time.Second))
	}}
	if write == nil {
		table := report.NewTable(to.out, suite.Title, suite.IDs(), report.Colour(to.out))
		observer.Ended, write = table.Row, func(_ io.Writer, done check.Report) error { return table.End(done) }
	}
	done, err := run(observer)
	if err != nil {
		return done, err
	}
	return done, write(to.out, done)
}
