package main

import (
	"context"
	"errors"
	"fmt"
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

// breakGlassDefault is how long a pass lasts unless --for says something else.
const breakGlassDefault = 30 * time.Minute

func newBreakGlassCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	var length time.Duration
	var person, reason string
	command := &cobra.Command{
		Use:   "break-glass --reason TEXT",
		Short: "Be MLflow's administrator for a while when Keycloak cannot let anybody in",
		Long: `break-glass makes an account in MLflow that is administrator, with a token for clients, and an
address on this machine behind which a browser is signed in with it. MLflow and its database
have to run, Keycloak does not. It takes the account's rights again when the time is over or
when you end it (Ctrl-C).

Who did it, why, and until when is in the log of MLflow's container and in its database. If
this command is killed, the token ends when its time is over and the keeper takes the rest.`,
		Example: `  mlflow-sso break-glass --reason "Keycloak's database is full"
  mlflow-sso break-glass --stack prod --for 1h --person ada --reason "incident 42"
  ssh -t -L 7000:127.0.0.1:7000 <host> mlflow-sso break-glass --port 7000 --reason "incident 42"`,
		Args: noArguments,
	}
	port := command.Flags().Int("port", 0, "`PORT` on 127.0.0.1 for the browser; 0 takes a free one")
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case reason == "":
			return usageError{errors.New("--reason: got nothing, want why: it is what the audit log will say")}
		case person == "":
			return usageError{errors.New("--person: got nothing, and this machine does not say who you are")}
		case length < time.Minute || length > breakglass.MaxDuration || length%time.Minute != 0:
			return usageError{fmt.Errorf("--for: got %s, want whole minutes, 1m to %s", length, breakglass.MaxDuration)}
		case *port < 0 || *port > 65535:
			return usageError{fmt.Errorf("--port: got %d, want 0 to 65535", *port)}
		}
		told, err := ofStack(cmd.Context(), which)
		if err != nil {
			return err
		}
		// A terminal that is closed, or a connection that breaks, ends it as Ctrl-C does.
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
		defer stop()
		return breakGlass(ctx, cmd, told, request{length, person, reason, *port})
	}
	which.flags(command.Flags())
	command.Flags().DurationVar(&length, "for", breakGlassDefault, "how long, `TIME` such as 5m or 2h")
	command.Flags().StringVar(&person, "person", operator(), "`NAME` of who does it")
	command.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why; required")
	return command
}

// operator is who runs this, also behind sudo.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if who, err := user.Current(); err == nil {
		return who.Username
	}
	return ""
}

// request is what an operator asks for.
type request struct {
	length         time.Duration
	person, reason string
	port           int
}

// breakGlass makes a pass, waits, and ends it whatever happens meanwhile.
func breakGlass(ctx context.Context, cmd *cobra.Command, told outputs.Stack, r request) (err error) {
	log := progress.New(cmd.ErrOrStderr())
	docker, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	glass := breakglass.New(told, docker)
	var pass *breakglass.TemporaryAdmin
	err = log.Step(ctx, "a pass for "+r.person, func(ctx context.Context, _ *progress.Step) (err error) {
		pass, err = glass.Grant(ctx, r.length, r.person, r.reason)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, revokeBreakGlass(ctx, log, glass, pass)) }()
	way, err := edgeclient.Open(ctx, told, docker)
	if err != nil {
		return err
	}
	door, err := breakglass.Open(ctx, pass, told.MLflow.URL, way.HTTP().Transport, r.port)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.Close()) }()
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `
In a browser here         %s
MLFLOW_TRACKING_URI       %s
MLFLOW_TRACKING_USERNAME  %s
MLFLOW_TRACKING_PASSWORD  %s
Until                     %s, or until this command ends

`, door.Address, told.MLflow.URL, pass.Username, pass.Token, pass.Until.Local().Format(time.TimeOnly))
	if err != nil {
		return err
	}
	return countdown(ctx, log, "break-glass for "+r.person, pass.Until)
}

// revokeBreakGlass ends the pass, also after an interrupt.
func revokeBreakGlass(ctx context.Context, log *progress.Log, glass *breakglass.Manager, pass *breakglass.TemporaryAdmin) error {
	return revokeOnExit(ctx, log, "taking back "+pass.Username, func(ctx context.Context) error {
		_, err := glass.Revoke(ctx, pass)
		return err
	}, fmt.Sprintf("its token ends at %s, and the keeper then takes the account's rights", pass.Until.Local().Format(time.TimeOnly)))
}
