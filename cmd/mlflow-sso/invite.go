package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// The least and the most that a link may last.
const (
	linkTTLMin = time.Minute
	linkTTLMax = 30 * 24 * time.Hour
)

func newInviteCommand(ofStack outputsOf) *cobra.Command {
	var which stackFlags
	var lasts time.Duration
	var again bool
	command := &cobra.Command{
		Use:   "invite NAME",
		Short: "Give a person of the realm a way to set their password",
		Long: `invite writes a mail with a link to a person of the realm, by which they set a password.
Where the stack has no server of mail (realm.mail), it shows a password that is good for one
login: Keycloak then demands another one. Hand it over yourself, and to nobody else.

Who has a password keeps it, unless --again is given: then a mail offers another one, or
the password for one login takes its place.`,
		Example: `  mlflow-sso invite ada
  mlflow-sso invite ada --again --stack prod`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("got %d names, want the user name of one person", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if lasts < linkTTLMin || lasts > linkTTLMax {
				return usageError{fmt.Errorf("--for: got %s, want %s to %s", lasts, linkTTLMin, linkTTLMax)}
			}
			told, err := ofStack(cmd.Context(), which)
			if err != nil {
				return err
			}
			var made *realmusers.Invitation
			err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "an invitation for "+args[0], func(ctx context.Context, _ *progress.Step) error {
				realm, err := realmusers.Open(ctx, told)
				if err == nil {
					made, err = realm.Invite(ctx, args[0], lasts, again)
				}
				return err
			})
			if err != nil {
				return err
			}
			return printInvitation(cmd.OutOrStdout(), told, made)
		},
	}
	which.flags(command.Flags())
	command.Flags().DurationVar(&lasts, "for", realmusers.LinkLifetime, "how long the link in a mail is good for, `TIME` such as 2h")
	command.Flags().BoolVar(&again, "again", false, "also for a person who has a password")
	return command
}

func printInvitation(w io.Writer, told outputs.Stack, made *realmusers.Invitation) error {
	if made.Password == "" {
		_, err := fmt.Fprintf(w, "Keycloak has written to %s; the link is good until %s\n", made.Email, made.Until.Local().Format(time.DateTime))
		return err
	}
	_, err := fmt.Fprintf(w, `
MLflow     %s
User name  %s
Password   %s

The password is good for one login, at which Keycloak demands another one.
`, told.MLflow.URL, made.Username, made.Password)
	return err
}
