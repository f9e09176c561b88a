package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/check/health"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

var (
	// errFindings says that doctor has found something, errUnseen that it could not look everywhere.
	errFindings   = errors.New("something is wrong; the first finding is where to begin")
	errIncomplete = errors.New("nothing wrong was found, but not everything could be looked at")
)

func newDoctorCommand() *cobra.Command {
	var which stackFlags
	var output format
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with a stack, why, and which command mends it",
		Long: `doctor examines the containers, what is inside Keycloak, and the services with their own
clients, and changes nothing. Each finding has what was got and wanted, its cause, and the
command that mends it; what follows from another finding stands behind it. It works on a
stack that is half down, too.

Exit code 4 when something is wrong, 1 when nothing was found but not everything could be
looked at.`,
		Example: `  mlflow-sso doctor
  mlflow-sso doctor --stack prod --output json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, which, output) },
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	return command
}

func runDoctor(cmd *cobra.Command, which stackFlags, output format) (err error) {
	patient, err := which.healthTarget(cmd.Context())
	if err != nil {
		return err
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	var told health.Report
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "examination of "+patient.Stack.Deployment, func(ctx context.Context, step *progress.Step) error {
		told = health.Run(ctx, patient, docker, func(name string) { step.Say("%s: looked at", name) })
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	write := health.WriteTable
	if output == asJSON {
		write = health.WriteJSON
	}
	err = write(cmd.OutOrStdout(), told)
	switch {
	case err != nil:
	case len(told.Findings) > 0:
		err = errFindings
	case !told.Healthy():
		err = errIncomplete
	}
	return err
}

// healthTarget reads from the state what doctor has to know; no service is asked.
func (c *stackFlags) healthTarget(ctx context.Context) (health.Target, error) {
	s, err := c.openExisting(ctx)
	if err != nil {
		return health.Target{}, err
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return health.Target{}, err
	}
	environments, err := s.ContainerEnv(ctx)
	return health.Target{Stack: told, Environments: environments, Tool: os.Args[0], Flags: c.asFlags()}, err
}
