package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/health"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

var (
	// errFindings is returned if something is wrong, errIncomplete if a check could not run.
	errFindings   = errors.New("something is wrong; begin with the first finding")
	errIncomplete = errors.New("nothing wrong was found, but a check could not run")
)

func newDoctorCommand(which *stackFlags) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Diagnose a stack: what is wrong, why, and which command fixes it",
		Long: `doctor checks the containers, the objects in Keycloak, and the services through their own
clients. It changes nothing, and works on a stack that is partly down. Each finding has the
actual and the expected value, the cause, and the command that fixes it. A finding that
results from another one is listed after it.`,
		Example: `  mlflow-sso doctor
  mlflow-sso doctor --stack prod --output json`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "nothing was found, but a check could not run", exitFindings: "something is wrong"}),
		RunE:        func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, *which, output) },
	}
	output.flag(command)
	return command
}

func runDoctor(cmd *cobra.Command, which stackFlags, output format) (err error) {
	target, err := which.healthTarget(cmd.Context())
	if err != nil {
		return err
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	var found check.Report
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "checking "+target.Stack.Deployment, func(ctx context.Context, step *progress.Step) error {
		found = health.Run(ctx, target, docker, check.Observer{Ended: func(done check.Result) { step.Say("%s: checked", done.ID) }})
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if output == asJSON {
		err = report.WriteDiagnosisJSON(cmd.OutOrStdout(), target.Stack.Deployment, found)
	} else {
		err = report.WriteDiagnosis(cmd.OutOrStdout(), target.Stack.Deployment, found, report.Colour(cmd.OutOrStdout()))
	}
	switch {
	case err != nil:
	case len(found.Findings) > 0:
		err = errFindings
	case !found.OK():
		err = errIncomplete
	}
	return err
}

// healthTarget reads what doctor needs from the state and contacts no service.
func (c *stackFlags) healthTarget(ctx context.Context) (health.Target, error) {
	s, err := lifecycle.Find(ctx, c.selection())
	if err != nil {
		return health.Target{}, err
	}
	found, err := s.Outputs(ctx)
	if err != nil {
		return health.Target{}, err
	}
	environments, err := s.ContainerEnv(ctx)
	return health.Target{Stack: found, Environments: environments, Rules: s.Config.Rules(), Tool: os.Args[0], Flags: c.asFlags()}, err
}
