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

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	// consoleDefault is how long a person may stay unless --for says something else,
	// shortestConsole the least that --for may say. The most is what Keycloak gives a session.
	consoleDefault = 30 * time.Minute
	consoleMin     = 10 * time.Second
)

func newConsoleCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	var length time.Duration
	command := &cobra.Command{
		Use:   "console",
		Short: "Open Keycloak's admin console to one person, for as long as this runs",
		Long: `console makes a person in Keycloak who may do anything there, shows name and password once,
and removes the person again when the time is over or when you end it (Ctrl-C). That ends
their sessions too. Give people access to MLflow there: realm mlflow, Users, and the groups
mlflow-users and mlflow-admins.

The console answers on this machine alone. From another computer, bring it to the same
address there first, as in the example.

If this command is killed, the person stays until their time is over; then the next console,
up or verify removes them.`,
		Example: `  mlflow-sso console
  mlflow-sso console --stack prod --for 5m
  ssh -t -L 8081:127.0.0.1:8081 <host> mlflow-sso console --stack prod     # 8081 is keycloak.port`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if length < consoleMin || length > adminrealm.SessionMax {
				return usageError{fmt.Errorf("--for: got %s, want %s to %s", length, consoleMin, adminrealm.SessionMax)}
			}
			told, err := ofStack(cmd.Context(), which)
			if err != nil {
				return err
			}
			// A terminal that is closed, or a connection that breaks, ends it as Ctrl-C does.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
			defer stop()
			return console(ctx, cmd, told, length)
		},
	}
	which.flags(command.Flags())
	command.Flags().DurationVar(&length, "for", consoleDefault, "how long the person may stay, `TIME` such as 5m or 2h")
	return command
}

// console lets a person in, waits, and removes them whatever happens meanwhile.
func console(ctx context.Context, cmd *cobra.Command, told outputs.Stack, length time.Duration) (err error) {
	realm, log := adminrealm.New(told), progress.New(cmd.ErrOrStderr())
	var guest *adminrealm.TemporaryAdmin
	err = log.Step(ctx, "a way into Keycloak's admin console", func(ctx context.Context, step *progress.Step) error {
		// Also removes those whose time is over; and without its settings the login would fail.
		set, err := realm.Reconcile(ctx)
		if err != nil {
			return err
		}
		guest, err = realm.CreateTemporaryAdmin(ctx, time.Now().Add(length))
		if err == nil && len(set) > 0 {
			step.Say("set %d things in realm master that had changed, such as %s", len(set), set[0].What)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, deleteTemporaryAdmin(ctx, log, realm, guest)) }()
	if err := printTemporaryAdmin(cmd.OutOrStdout(), told, guest); err != nil {
		return err
	}
	return countdown(ctx, log, "console for "+guest.Username, guest.Until)
}

// deleteTemporaryAdmin removes the person, also after an interrupt.
func deleteTemporaryAdmin(ctx context.Context, log *progress.Log, realm *adminrealm.Realm, guest *adminrealm.TemporaryAdmin) error {
	return revokeOnExit(ctx, log, "removing "+guest.Username, func(ctx context.Context) error { return realm.DeleteTemporaryAdmin(ctx, guest) },
		fmt.Sprintf("the next `mlflow-sso console`, `up` or `verify` after %s removes %s", guest.Until.Local().Format(time.TimeOnly), guest.Username))
}

func printTemporaryAdmin(w io.Writer, told outputs.Stack, guest *adminrealm.TemporaryAdmin) error {
	at, err := url.Parse(told.Keycloak.AdminURL)
	if err != nil {
		return fmt.Errorf("the stack's address of the admin console: %w", err)
	}
	_, err = fmt.Fprintf(w, `
Keycloak console  %s/admin/
User name         %s
Password          %s
Until             %s, or until this command ends

From another computer, in a second terminal there:  ssh -N -L %[5]s:%[6]s <this host>

`, told.Keycloak.AdminURL, guest.Username, guest.Password, guest.Until.Local().Format(time.TimeOnly), at.Port(), at.Host)
	return err
}
