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

// The bounds of --link-ttl.
const (
	linkTTLMin = time.Minute
	linkTTLMax = 30 * 24 * time.Hour
)

func newInviteCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var ttl time.Duration
	var reset, signOut bool
	var output format
	command := &cobra.Command{
		Use:   "invite NAME",
		Short: "Send a user an invitation to set a password",
		Long: `invite sends a user of the realm an e-mail with a link for setting a password. If the stack has
no mail server (realm.mail), it prints a one-time password instead, which Keycloak requires
to be changed at the first login. Hand it over yourself, and only to that user.

An existing password is kept unless --reset-password is given. If wrong passwords have locked
the user, the lock is removed.

With --sign-out, all sessions of the user end first, and with them the user's personal tokens
in MLflow: use it if a device or a password was stolen.`,
		Example: `  mlflow-sso invite ada
  mlflow-sso invite ada --reset-password --stack prod
  mlflow-sso invite ada --reset-password --sign-out`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("got %d names, want the user name of one user", len(args))}
			}
			return nil
		},
		ValidArgsFunction: completeFromSettings(which, userNames),
		Annotations:       exits(map[int]string{exitFailed: "no user was invited"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ttl < linkTTLMin || ttl > linkTTLMax {
				return usageError{fmt.Errorf("--link-ttl: got %s, want %s to %s", ttl, linkTTLMin, linkTTLMax)}
			}
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			var made *realmusers.Invitation
			err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), "inviting "+args[0], func(ctx context.Context, _ *progress.Step) error {
				realm, err := realmusers.Open(ctx, stack)
				if err == nil && signOut {
					err = realm.SignOut(ctx, args[0])
				}
				if err == nil {
					made, err = realm.Invite(ctx, args[0], ttl, reset)
				}
				return err
			})
			if err != nil {
				return err
			}
			if output == asJSON {
				return writeJSON(cmd.OutOrStdout(), invitationOf(stack, made))
			}
			return printInvitation(cmd.OutOrStdout(), stack, made)
		},
	}
	output.flag(command)
	command.Flags().DurationVar(&ttl, "link-ttl", realmusers.LinkLifetime, "`TIME` for which the link in the e-mail is valid, such as 2h")
	command.Flags().BoolVar(&reset, "reset-password", false, "also if the user has a password")
	command.Flags().BoolVar(&signOut, "sign-out", false, "end all sessions and personal tokens of the user first")
	return command
}

// invitation is what invite writes as JSON.
type invitation struct {
	MLflow   string `json:"mlflow"`
	Username string `json:"username"`
	// Email is where the link was sent; Password is good for one login. One of them is empty.
	Email    string `json:"email"`
	Password string `json:"password"`
	// Until is when the link ends.
	Until    time.Time `json:"until,omitzero"`
	Unlocked int       `json:"wrongPasswordsCleared"`
}

func invitationOf(stack outputs.Stack, made *realmusers.Invitation) invitation {
	all := invitation{stack.MLflow.URL, made.Username, made.Email, made.Password, made.Until, made.Unlocked}
	if made.Password != "" {
		all.Email = ""
	}
	return all
}

func printInvitation(w io.Writer, stack outputs.Stack, made *realmusers.Invitation) error {
	if made.Unlocked > 0 {
		if _, err := fmt.Fprintf(w, "%s was locked after %d wrong passwords; the lock is removed\n", made.Username, made.Unlocked); err != nil {
			return err
		}
	}
	if made.Password == "" {
		_, err := fmt.Fprintf(w, "Keycloak sent an e-mail to %s; the link is valid until %s\n", made.Email, made.Until.Local().Format(time.DateTime))
		return err
	}
	_, err := fmt.Fprintf(w, `
MLflow     %s
User name  %s
Password   %s

The password is valid for one login, at which Keycloak requires a new one.
`, stack.MLflow.URL, made.Username, made.Password)
	return err
}
