package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// consoleDefault is the default of --for, shortestConsole its minimum. Its maximum is the
	// lifetime of a Keycloak session.
	consoleDefault = 30 * time.Minute
	consoleMin     = 10 * time.Second
)

func newConsoleCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var duration time.Duration
	var output format
	command := &cobra.Command{
		Use:   "console",
		Short: "Grant temporary access to the Keycloak admin console",
		Long: `console creates a temporary Keycloak administrator, prints a URL and one-time credentials, and
deletes the administrator with all sessions when the time is over or the command ends
(Ctrl-C). Manage users in realm mlflow; the groups mlflow-users and mlflow-admins grant
access to MLflow.

The console is only reachable on this machine. From another computer, forward the port as in
the example.

If this command is killed, the administrator is deleted after its time by the next console,
up or verify. With --output json, the credentials are one JSON object, written before the wait.`,
		Example: `  mlflow-sso console
  mlflow-sso console --stack prod --duration 5m
  ssh -t -L 8081:127.0.0.1:8081 <host> mlflow-sso console --stack prod     # 8081 is keycloak.port`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "access was not granted, or not revoked in time"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if duration < consoleMin || duration > identity.SessionMax {
				return usageError{fmt.Errorf("--duration: got %s, want %s to %s", duration, consoleMin, identity.SessionMax)}
			}
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			// A closed terminal or a broken connection ends it as Ctrl-C does.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
			defer stop()
			return console(ctx, cmd, stack, duration, output)
		},
	}
	output.flag(command)
	command.Flags().DurationVar(&duration, "duration", consoleDefault, "`TIME` for which access is granted, such as 5m or 2h")
	return command
}

// console grants access, waits, and always revokes it.
func console(ctx context.Context, cmd *cobra.Command, stack outputs.Stack, length time.Duration, output format) (err error) {
	realm, log := adminrealm.New(stack), progress.New(cmd.ErrOrStderr())
	var admin *adminrealm.TemporaryAdmin
	err = log.Step(ctx, "creating a temporary Keycloak administrator", func(ctx context.Context, step *progress.Step) error {
		// This also deletes expired administrators. Without its settings the login would fail.
		set, err := realm.Reconcile(ctx)
		if err != nil {
			return err
		}
		admin, err = realm.CreateTemporaryAdmin(ctx, time.Now().Add(length))
		if err == nil && len(set) > 0 {
			step.Say("reverted %d manual changes in realm master, such as %s", len(set), set[0].What)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, deleteTemporaryAdmin(ctx, log, realm, admin)) }()
	if err := writeTemporaryAdmin(cmd.OutOrStdout(), stack, admin, output); err != nil {
		return err
	}
	return countdown(ctx, log, "console for "+admin.Username, admin.Until)
}

// deleteTemporaryAdmin deletes the administrator, also after an interrupt.
func deleteTemporaryAdmin(ctx context.Context, log *progress.Log, realm *adminrealm.Realm, admin *adminrealm.TemporaryAdmin) error {
	return revokeOnExit(ctx, log, "deleting "+admin.Username, func(ctx context.Context) error { return realm.DeleteTemporaryAdmin(ctx, admin) },
		fmt.Sprintf("the next `mlflow-sso console`, `up` or `verify` after %s deletes %s", admin.Until.Local().Format(time.TimeOnly), admin.Username))
}

// temporaryAdmin is what console writes as JSON before it waits.
type temporaryAdmin struct {
	URL      string    `json:"url"`
	Username string    `json:"username"`
	Password string    `json:"password"`
	Until    time.Time `json:"until"`
}

func writeTemporaryAdmin(w io.Writer, stack outputs.Stack, admin *adminrealm.TemporaryAdmin, output format) error {
	if output == asJSON {
		return writeJSON(w, temporaryAdmin{stack.Keycloak.AdminURL + "/admin/", admin.Username, admin.Password, admin.Until})
	}
	return printTemporaryAdmin(w, stack, admin)
}

func printTemporaryAdmin(w io.Writer, stack outputs.Stack, admin *adminrealm.TemporaryAdmin) error {
	at, err := url.Parse(stack.Keycloak.AdminURL)
	if err != nil {
		return fmt.Errorf("parse the URL of the admin console: %w", err)
	}
	_, err = fmt.Fprintf(w, `
Keycloak console  %s/admin/
User name         %s
Password          %s
Until             %s, or until this command ends

From another computer, in a second terminal there:  ssh -N -L %[5]s:%[6]s <this host>

`, stack.Keycloak.AdminURL, admin.Username, admin.Password, admin.Until.Local().Format(time.TimeOnly), at.Port(), at.Host)
	return err
}
