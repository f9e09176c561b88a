package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/breakglass"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// breakGlassDefault is the default of --duration.
const breakGlassDefault = 30 * time.Minute

func newBreakGlassCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var duration time.Duration
	var operator, reason string
	var output format
	command := &cobra.Command{
		Use:   "break-glass --reason TEXT",
		Short: "Get emergency admin access to MLflow while Keycloak is down",
		Long: `break-glass creates a temporary administrator in MLflow, prints a token for clients, and opens
an address on this machine at which a browser is signed in. MLflow and its database must be
running, Keycloak need not. Access is revoked when the time is over or the command ends
(Ctrl-C).

The operator, the reason and the end are recorded in the log of the MLflow container and in
its database. If this command is killed, the token expires at its end and the identity sync
revokes the rest.`,
		Example: `  mlflow-sso break-glass --reason "Keycloak's database is full"
  mlflow-sso break-glass --stack prod --duration 1h --operator ada --reason "incident 42"
  ssh -t -L 7070:127.0.0.1:7070 <host> mlflow-sso break-glass --port 7070 --reason "incident 42"`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "access was not granted, or not revoked in time"}),
	}
	port := command.Flags().Int("port", 0, "`PORT` on 127.0.0.1 for the browser; 0 selects a free one")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case reason == "":
			return usageError{errors.New("--reason: got nothing, want the reason for the audit log")}
		case operator == "":
			return usageError{errors.New("--operator: got nothing, and this machine does not know your user name; want your name")}
		case duration < time.Minute || duration > breakglass.MaxDuration || duration%time.Minute != 0:
			return usageError{fmt.Errorf("--duration: got %s, want whole minutes, 1m to %s", duration, breakglass.MaxDuration)}
		case *port < 0 || *port > 65535:
			return usageError{fmt.Errorf("--port: got %d, want 0 to 65535", *port)}
		}
		stack, err := ofStack(cmd.Context(), *which)
		if err != nil {
			return err
		}
		// A closed terminal or a broken connection ends it as Ctrl-C does.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		return breakGlass(ctx, cmd, stack, request{duration, operator, reason, *port, output})
	}
	output.flag(command)
	command.Flags().DurationVar(&duration, "duration", breakGlassDefault, "`TIME` for which access is granted, such as 5m or 2h")
	command.Flags().StringVar(&operator, "operator", currentUser(), "`NAME` of the operator, for the audit log")
	command.Flags().Lookup("operator").DefValue = "the current user"
	command.Flags().StringVar(&reason, "reason", "", "`TEXT` of the reason, for the audit log; required")
	return command
}

// currentUser returns the user who runs the command, also under sudo.
func currentUser() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if who, err := user.Current(); err == nil {
		return who.Username
	}
	return ""
}

// request is the access that an operator requests.
type request struct {
	duration         time.Duration
	operator, reason string
	port             int
	output           format
}

// breakGlass grants access, waits, and always revokes it.
func breakGlass(ctx context.Context, cmd *cobra.Command, stack outputs.Stack, r request) (err error) {
	log := progress.New(cmd.ErrOrStderr())
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	manager := breakglass.New(stack, docker)
	var admin *breakglass.TemporaryAdmin
	err = log.Step(ctx, "granting access to "+r.operator, func(ctx context.Context, _ *progress.Step) (err error) {
		admin, err = manager.Grant(ctx, r.duration, r.operator, r.reason)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, revokeBreakGlass(ctx, log, manager, admin)) }()
	edge, err := edgeclient.Open(ctx, stack, docker)
	if err != nil {
		return err
	}
	proxy, err := breakglass.Open(ctx, admin, stack.MLflow.URL, edge.HTTP().Transport, r.port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	if err := writeEmergencyAccess(cmd.OutOrStdout(), emergencyAccess{proxy.Address, stack.MLflow.URL, *admin}, r.output); err != nil {
		return err
	}
	return countdown(ctx, log, "break-glass access of "+r.operator, admin.Until)
}

// emergencyAccess is what break-glass writes as JSON before it waits.
type emergencyAccess struct {
	// Browser is the address at which a browser on this machine is signed in.
	Browser     string `json:"browser"`
	TrackingURI string `json:"trackingUri"`
	breakglass.TemporaryAdmin
}

func writeEmergencyAccess(w io.Writer, a emergencyAccess, output format) error {
	if output == asJSON {
		return writeJSON(w, a)
	}
	_, err := fmt.Fprintf(w, `
Browser on this machine   %s
MLFLOW_TRACKING_URI       %s
MLFLOW_TRACKING_USERNAME  %s
MLFLOW_TRACKING_PASSWORD  %s
Until                     %s, or until this command ends

`, a.Browser, a.TrackingURI, a.Username, a.Token, a.Until.Local().Format(time.TimeOnly))
	return err
}

// revokeBreakGlass revokes the access, also after an interrupt.
func revokeBreakGlass(ctx context.Context, log *progress.Log, manager *breakglass.Manager, admin *breakglass.TemporaryAdmin) error {
	return revokeOnExit(ctx, log, "revoking "+admin.Username, func(ctx context.Context) error {
		_, err := manager.Revoke(ctx, admin)
		return err
	}, fmt.Sprintf("its token expires at %s, and the identity sync then revokes the account", admin.Until.Local().Format(time.TimeOnly)))
}
