package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes, the same for every command.
const (
	exitOK       = 0 // the command did what it says
	exitFailed   = 1 // a step or a check failed
	exitUsage    = 2 // the arguments make no sense
	exitDrift    = 2 // drift has found something
	exitChanges  = 3 // there are changes, and the arguments ask for this code
	exitFindings = 4 // doctor has found something wrong
)

// usageError marks a mistake in the arguments.
type usageError struct{ error }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "error: %v\n", err)
	var misuse usageError
	switch {
	case errors.As(err, &misuse):
		return exitUsage
	case errors.Is(err, errDrift):
		return exitDrift
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.Is(err, errFindings):
		return exitFindings
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "mlflow-sso",
		Short: "MLflow with single sign-on on your own Docker host",
		Long: `mlflow-sso prepares a machine, brings a stack up, proves that people can log in,
and takes the stack down again.

Exit codes: 0 success, 1 a step or a check failed, 2 the arguments make no sense or
drift has found something, 3 preview --exit-code has found changes, 4 doctor has found
something wrong.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newUpCommand(), newPreviewCommand(), newVerifyCommand(outputsInState), newDoctorCommand(), newDriftCommand(), newSecurityTestCommand(outputsInState),
		newBackupCommand(outputsInState), newRestoreCommand(), newUpgradeCommand(),
		newCredentialsCommand(), newTokenCommand(outputsInState), newAccessCommand(), newConsoleCommand(outputsInState), newInviteCommand(outputsInState), newBreakGlassCommand(outputsInState), newCACertificateCommand(outputsInState), newOutputsCommand(),
		newDestroyCommand(), newBootstrapCommand(),
	)
	return root
}
