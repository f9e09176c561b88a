package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

// upgradeFlags are the arguments.
type upgradeFlags struct {
	which      stackFlags
	options    lifecycle.UpgradeOptions
	back, sure bool
	// unproved skips the login proof after a rollback.
	unproved bool
	output   format
}

func newUpgradeCommand(which *stackFlags) *cobra.Command {
	var o upgradeFlags
	command := &cobra.Command{
		Use:   "upgrade",
		Short: "Upgrade a stack to new versions, rehearsed on a copy, with rollback",
		Long: `upgrade moves a stack to the versions of Postgres, Keycloak, MLflow and its plugin that the
settings require:

  1. Rehearsal: a snapshot is restored into a temporary stack with the new versions. No table
     may lose rows, and the logins must work. If this fails, the stack itself is untouched.
  2. Writes stop, and a final snapshot is created. Settings and images are saved.
  3. The new versions start. For a new major version of Postgres the databases move into a new
     cluster; the old one is kept until the upgrade is complete.
  4. The logins are verified. If this fails, roll back with --rollback.

--rehearse-only stops after step 1. --rollback returns to the state before step 2; data written
since then is saved in a snapshot, but is not in the databases any more. Run the same command
again to continue an interrupted upgrade or rollback.

After --rollback, verify can fail checks that the old versions do not pass: use --no-verify.
upgrade requires the setting backup.`,
		Example: `  mlflow-sso upgrade --stack prod --rehearse-only
  mlflow-sso upgrade --stack prod
  mlflow-sso upgrade --stack prod --rollback`,
		Args:        noArguments,
		Annotations: resumable(exits(map[int]string{exitFailed: "the rehearsal, the upgrade or a check failed"})),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.which = *which
			if o.options.RehearseOnly && o.back {
				return usageError{errors.New("--rehearse-only and --rollback: got both, want one of them")}
			}
			if o.unproved && !o.back {
				return usageError{errors.New("--no-verify: want it with --rollback only: new versions are always verified")}
			}
			if o.back {
				return rollback(cmd, o)
			}
			return upgrade(cmd, o)
		},
	}
	flags := command.Flags()
	o.output.flag(command)
	flags.BoolVar(&o.options.RehearseOnly, "rehearse-only", false, "rehearse the upgrade on a copy and leave the stack untouched")
	flags.BoolVar(&o.back, "rollback", false, "return to the state before the last upgrade")
	flags.BoolVarP(&o.sure, "yes", "y", false, "do not ask for confirmation of --rollback")
	flags.BoolVar(&o.unproved, "no-verify", false, "roll back without verifying the logins: the checks are written for the current versions")
	flags.StringSliceVar(&o.options.Accept, "allow-data-loss", nil, "`TABLE`, such as mlflow_auth.groups, that may lose rows")
	return command
}

// upgrade prints the result of an upgrade, or of its rehearsal.
func upgrade(cmd *cobra.Command, o upgradeFlags) error {
	began := time.Now()
	tried, err := session(cmd, o.output).Upgrade(cmd.Context(), o.which.selection(), o.options)
	switch {
	case errors.Is(err, lifecycle.ErrNothingToUpgrade):
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), err)
		return err
	case err != nil:
		return err
	case o.output == asJSON:
		return writeJSON(cmd.OutOrStdout(), tried)
	case o.options.RehearseOnly:
		return printRehearsal(cmd.OutOrStdout(), tried)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is upgraded, in %s: %s\nTo roll back, which loses data written from now on: mlflow-sso upgrade --rollback %s\n",
		o.which.name, time.Since(began).Round(time.Second), joined(tried.Versions), o.which.asFlags())
	return err
}

// rollback prints the versions of the stack after a rollback.
func rollback(cmd *cobra.Command, o upgradeFlags) error {
	options := lifecycle.RollbackOptions{NoVerify: o.unproved}
	if !o.sure {
		options.Confirm = func(point *lifecycle.RollbackPoint) error { return confirmBack(cmd, o.which, point) }
	}
	point, err := session(cmd, o.output).Rollback(cmd.Context(), o.which.selection(), options)
	if err != nil {
		return err
	}
	if o.output == asJSON {
		return writeJSON(cmd.OutOrStdout(), point)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is what it was at %s. Its stack file still wants the other versions: set them back there before the next `mlflow-sso up`,\nwhich refuses them until they are rehearsed.\n",
		o.which.name, point.Began.Local().Format(time.DateTime))
	return err
}

// confirmBack requires the stack's name to be typed before data written since the upgrade is
// lost.
func confirmBack(cmd *cobra.Command, which stackFlags, way *lifecycle.RollbackPoint) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--rollback loses what was written since the upgrade, and standard input is not a terminal: add --yes to confirm")}
	}
	return confirmStackName(cmd, in, which, fmt.Sprintf("Data written since %s will only be in a snapshot.\n", way.Began.Local().Format(time.DateTime)), "nothing was changed")
}

func printRehearsal(w io.Writer, r lifecycle.Rehearsal) error {
	losses := "no table has less than before"
	if len(r.Losses) > 0 {
		losses = "what was accepted: " + joined(r.Losses)
	}
	_, err := fmt.Fprintf(w, "\nrehearsed in %d s: %s\n%d tables with %d rows and %d artifacts were migrated in a copy; users can log in there, and %s\n",
		r.Seconds, joined(r.Versions), r.Tables, r.Rows, r.Artifacts, losses)
	return err
}

// joined returns texts on one line.
func joined[T fmt.Stringer](all []T) string {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, "; ")
}
