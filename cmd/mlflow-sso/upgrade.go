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
	which      chosen
	options    lifecycle.UpgradeOptions
	back, sure bool
	// unproved leaves out the logins after going back.
	unproved bool
	output   format
}

func newUpgradeCommand() *cobra.Command {
	var o upgradeFlags
	command := &cobra.Command{
		Use:   "upgrade",
		Short: "Bring a stack to other versions, tried on a copy first, with a way back",
		Long: `upgrade brings a stack to the versions of Postgres, Keycloak, MLflow and its plugin that the
settings want and the stack does not have. In order:

  1. a snapshot is restored into a copy with the new versions, which migrate what is in it;
     no table may have less than before, and people log in there. Where that fails, the
     stack itself was not touched.
  2. nobody can write any more, and a last snapshot is taken; settings and images are kept.
  3. the new versions take over; where it is another major version of Postgres, the databases
     are moved into a new cluster and the old one is kept until the end.
  4. people log in. Where that fails, --back is the way back.

--rehearse ends after 1. --back makes the stack what it was before 2; what was written since is
in a snapshot that is taken first, and in no database afterwards. An upgrade or a way back that
was cut off goes on when the same command is given again.

After --back, verify may fail at checks that versions before do not pass; --no-verify leaves it out.

It needs the setting backup. Exit code 1 when the versions were refused or the proof failed.`,
		Example: `  mlflow-sso upgrade --stack prod --rehearse
  mlflow-sso upgrade --stack prod
  mlflow-sso upgrade --stack prod --back`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.options.RehearseOnly && o.back {
				return usageError{errors.New("--rehearse and --back at once: want one of them")}
			}
			if o.unproved && !o.back {
				return usageError{errors.New("--no-verify without --back: new versions are always proved")}
			}
			if o.back {
				return rollback(cmd, o)
			}
			return upgrade(cmd, o)
		},
	}
	flags := command.Flags()
	o.which.flags(flags)
	o.output.flag(flags)
	flags.BoolVar(&o.options.RehearseOnly, "rehearse", false, "try the new versions on a copy, and leave the stack alone")
	flags.BoolVar(&o.back, "back", false, "go back to what the stack was before its last upgrade")
	flags.BoolVar(&o.sure, "yes", false, "do not ask whether --back is meant")
	flags.BoolVar(&o.unproved, "no-verify", false, "go back without proving the logins: the checks are written for the versions of this mlflow-sso")
	flags.StringSliceVar(&o.options.Accept, "accept", nil, "a `TABLE`, such as mlflow_auth.groups, that may have less afterwards")
	return command
}

// upgrade prints what an upgrade, or its rehearsal, came to.
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
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is upgraded, in %s: %s\nThe way back, which loses what is written from now on: mlflow-sso upgrade --back %s\n",
		o.which.name, time.Since(began).Round(time.Second), joined(tried.Versions), o.which.asFlags())
	return err
}

// rollback prints what the stack is again.
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

// confirmBack lets a person type the stack's name before what was written is lost.
func confirmBack(cmd *cobra.Command, which chosen, way *lifecycle.RollbackPoint) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--back loses what was written since the upgrade, and there is nobody to ask: add --yes if it is meant")}
	}
	return typed(cmd, in, which, fmt.Sprintf("What was written since %s will be in a snapshot alone.\n", way.Began.Local().Format(time.DateTime)), "nothing was changed")
}

func printRehearsal(w io.Writer, r lifecycle.Rehearsal) error {
	losses := "no table has less than before"
	if len(r.Losses) > 0 {
		losses = "what was accepted: " + joined(r.Losses)
	}
	_, err := fmt.Fprintf(w, "\nrehearsed in %d s: %s\n%d tables with %d rows and %d artifacts were migrated in a copy; people log in there, and %s\n",
		r.Seconds, joined(r.Versions), r.Tables, r.Rows, r.Artifacts, losses)
	return err
}

// joined are texts in one line.
func joined[T fmt.Stringer](all []T) string {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, "; ")
}
