package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/security"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

const securityTestTool = "mlflow-sso security-test"

// errBreaches is returned if an attack succeeded.
var errBreaches = errors.New("an attack succeeded")

func newSecurityTestCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var output format
	var sarif string
	command := &cobra.Command{
		Use:   "security-test",
		Short: "Attack a stack of your own and report what was not refused",
		Long: `security-test performs on a running stack what an attacker would: forged tokens, every route of
MLflow without a login, access to other users' data, spoofed headers, replayed logins, open
ports, default passwords, secrets in logs and images. Each attack has a control which shows
that the attack itself works.

It attacks only the stack: the addresses come from the stack outputs, and the tool
refuses requests to any other host. It creates users and data of its own and removes them.`,
		Example: `  mlflow-sso security-test
  mlflow-sso security-test --stack prod --sarif findings.sarif`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "an attack could not be performed", exitFindings: "an attack succeeded"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			return runSecurityTest(cmd, stack, output, sarif)
		},
	}
	output.flag(command, asSARIF)
	command.Flags().StringVar(&sarif, "sarif", "", "also write the result to this `FILE`, as SARIF 2.1.0")
	return command
}

// runSecurityTest performs the attacks and reports the results.
func runSecurityTest(cmd *cobra.Command, stack outputs.Stack, output format, sarif string) (err error) {
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	var write func(io.Writer, check.Report) error
	switch output {
	case asJSON:
		write = report.WriteJSON
	case asSARIF:
		write = func(w io.Writer, done check.Report) error {
			return report.WriteSARIF(w, done, securityTestTool, security.Rules(stack))
		}
	}
	done, err := runChecks(streamsOf(cmd), security.Suite(stack), write, func(observer check.Observer) (check.Report, error) {
		return security.Run(cmd.Context(), stack, docker, observer)
	})
	if err == nil && sarif != "" {
		err = writeSARIF(sarif, done, stack)
	}
	if err == nil {
		err = breaches(done)
	}
	return err
}

// breaches returns an error unless every attack was performed and refused.
func breaches(done check.Report) error {
	if done.Count(check.StatusFailed) > 0 {
		return errBreaches
	}
	if !done.OK() {
		return errChecks
	}
	return nil
}

// writeSARIF writes the complete file or returns an error.
func writeSARIF(path string, done check.Report, stack outputs.Stack) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return errors.Join(report.WriteSARIF(io.Writer(file), done, securityTestTool, security.Rules(stack)), file.Close())
}
