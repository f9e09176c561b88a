package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/security"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

const securityTestTool = "mlflow-sso attack"

func newSecurityTestCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	var output format
	var sarif string
	command := &cobra.Command{
		Use:   "attack",
		Short: "Try to break into a stack of your own, and tell what was not refused",
		Long: `attack tries on a running stack what an attacker would: forged tokens, every route of MLflow
without a login, another member's things, bad headers, replayed logins, ports and
passwords, secrets in logs and images. Each attempt has a control that shows that it works.

It attacks nothing but the stack: addresses come from the stack's own outputs, and requests
to others are refused by the tool itself. It makes people and things of its own and removes
them. Exit code 1 when an attack got through or could not be made.`,
		Example: `  mlflow-sso attack
  mlflow-sso attack --stack prod --sarif attack.sarif`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stack, err := ofStack(cmd.Context(), which)
			if err != nil {
				return err
			}
			return runSecurityTest(cmd, stack, output, sarif)
		},
	}
	flags := command.Flags()
	which.flags(flags)
	output.flag(flags, asSARIF)
	flags.StringVar(&sarif, "sarif", "", "write the result to this `FILE` too, as SARIF 2.1.0")
	return command
}

// runSecurityTest makes the attacks and tells their outcome.
func runSecurityTest(cmd *cobra.Command, stack outputs.Stack, output format, sarif string) (err error) {
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	var write func(io.Writer, report.Report) error
	switch output {
	case asJSON:
		write = report.WriteJSON
	case asSARIF:
		write = func(w io.Writer, done report.Report) error {
			return report.WriteSARIF(w, done, securityTestTool, security.Rules(stack))
		}
	}
	done, err := runChecks(cmd, security.Title(stack), security.Names(stack), write, func(observe func(report.Check)) (report.Report, error) {
		return security.Run(cmd.Context(), stack, docker, observe)
	})
	if err == nil && sarif != "" {
		err = writeSARIF(sarif, done, stack)
	}
	if err == nil && !done.OK() {
		err = errChecks
	}
	return err
}

// writeSARIF writes the file whole or says why not.
func writeSARIF(path string, done report.Report, stack outputs.Stack) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return errors.Join(report.WriteSARIF(io.Writer(file), done, securityTestTool, security.Rules(stack)), file.Close())
}
