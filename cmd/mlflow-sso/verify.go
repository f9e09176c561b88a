package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
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
		Short: "Verify that authorized users can log in and everybody else is refused",
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

// readOutputs reads what Pulumi writes. Errors do not repeat what was read.
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
func verifyStack(ctx context.Context, to streams, stack outputs.Stack, docker *engine.Engine, output format) (report.Report, error) {
	var write func(io.Writer, report.Report) error
	if output == asJSON {
		write = report.WriteJSON
	}
	return runChecks(to, login.Title(stack), login.Names(stack), write, func(observe func(report.Check)) (report.Report, error) {
		return login.Run(ctx, stack, docker, observe), nil
	})
}

// runChecks runs checks and names on standard error the check that it waits for. The
// report is a table that grows row by row, or what write makes of it at the end.
func runChecks(to streams, title string, names []string, write func(io.Writer, report.Report) error,
	run func(observe func(report.Check)) (report.Report, error),
) (report.Report, error) {
	out := to.out
	waiting := newSlowCheckNotice(to.err, names)
	defer waiting.stop()
	row := func(report.Check) {}
	if write == nil {
		table := report.NewTable(out, title, names, report.Colour(out))
		row, write = table.Row, func(_ io.Writer, done report.Report) error { return table.End(done) }
	}
	done, err := run(func(c report.Check) {
		row(c)
		waiting.next()
	})
	if err != nil {
		return done, err
	}
	return done, write(out, done)
}

// slowCheckNotice names on standard error the check that has been running for long.
type slowCheckNotice struct {
	mu    sync.Mutex
	names []string
	began time.Time
	done  chan struct{}
}

// slowCheckAfter is the time between two notices.
const slowCheckAfter = 8 * time.Second

func newSlowCheckNotice(w io.Writer, names []string) *slowCheckNotice {
	i := &slowCheckNotice{names: names, began: time.Now(), done: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(slowCheckAfter)
		defer ticker.Stop()
		for {
			select {
			case <-i.done:
				return
			case <-ticker.C:
				if text := i.text(time.Now()); text != "" {
					_, _ = fmt.Fprintln(w, text)
				}
			}
		}
	}()
	return i
}

func (i *slowCheckNotice) next() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.names) > 0 {
		i.names = i.names[1:]
	}
	i.began = time.Now()
}

// text is empty while the current check has not run for long.
func (i *slowCheckNotice) text(now time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	ran := now.Sub(i.began)
	if len(i.names) == 0 || ran < slowCheckAfter/2 {
		return ""
	}
	return fmt.Sprintf("%s has been running for %s", i.names[0], ran.Round(time.Second))
}

func (i *slowCheckNotice) stop() { close(i.done) }
