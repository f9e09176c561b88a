package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// upgradeOptions are the arguments.
type upgradeOptions struct {
	which                stackFlags
	rehearse, back, sure bool
	// unproved leaves out the logins after going back.
	unproved bool
	accept   []string
	output   format
}

func newUpgradeCommand(which *stackFlags) *cobra.Command {
	var o upgradeOptions
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
		Annotations: exits(map[int]string{exitFailed: "the rehearsal, the upgrade or a check failed"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.which = *which
			if o.rehearse && o.back {
				return usageError{errors.New("--rehearse-only and --rollback: got both, want one of them")}
			}
			if o.unproved && !o.back {
				return usageError{errors.New("--no-verify without --rollback: got it, want it left out: new versions are always verified")}
			}
			if o.back {
				return goBack(cmd, o)
			}
			return upgrade(cmd, o)
		},
	}
	flags := command.Flags()
	o.output.flag(command)
	flags.BoolVar(&o.rehearse, "rehearse-only", false, "rehearse the upgrade on a copy and leave the stack untouched")
	flags.BoolVar(&o.back, "rollback", false, "return to the state before the last upgrade")
	flags.BoolVar(&o.sure, "yes", false, "do not ask for confirmation of --rollback")
	flags.BoolVar(&o.unproved, "no-verify", false, "roll back without verifying the logins: the checks are written for the current versions")
	flags.StringSliceVar(&o.accept, "allow-data-loss", nil, "`TABLE`, such as mlflow_auth.groups, that may lose rows")
	return command
}

func upgrade(cmd *cobra.Command, o upgradeOptions) error {
	told, err := outputsInState(cmd.Context(), o.which)
	if err != nil {
		return err
	}
	if !told.Backup.Exists() {
		return fmt.Errorf("stack %s takes no snapshots, and an upgrade needs one to try it on and to go back to: set `backup` in its stack file (docs/backup.md), and run `mlflow-sso up --skip-rehearsal %s`", o.which.name, o.which.asFlags())
	}
	way, changed, err := before(cmd, o.which)
	if err != nil {
		return err
	}
	cutOff := way != nil && way.Stage == stack.Changing
	if cutOff && o.rehearse {
		return errors.New("an upgrade is half way: there is nothing to rehearse. `mlflow-sso upgrade` goes on, `mlflow-sso upgrade --rollback` goes back")
	}
	var tried rehearsal
	if !cutOff {
		if len(changed) == 0 {
			_, err := fmt.Fprintf(cmd.ErrOrStderr(), "stack %s has the versions that its settings want: there is nothing to upgrade\n", o.which.name)
			return err
		}
		if tried, err = rehearse(cmd, o, told, changed); err != nil {
			return fmt.Errorf("rehearsal: %w; the stack itself was not touched", err)
		}
	}
	if o.rehearse {
		if o.output == asJSON {
			return writeJSON(cmd.OutOrStdout(), tried)
		}
		return tried.print(cmd.OutOrStdout())
	}
	return upgradeItself(cmd, o, tried)
}

// before is what is known of the last upgrade, and what one would change.
func before(cmd *cobra.Command, which stackFlags) (*stack.RollbackPoint, []stack.VersionChange, error) {
	s, err := which.openExisting(cmd.Context())
	if err != nil {
		return nil, nil, err
	}
	way, err := s.RollbackPoint()
	if err != nil {
		return nil, nil, err
	}
	changed, err := s.VersionChanges(cmd.Context())
	return way, changed, err
}

// upgradeItself changes the stack, proves it, and lets go of what was set aside.
func upgradeItself(cmd *cobra.Command, o upgradeOptions, tried rehearsal) error {
	began := time.Now()
	var told outputs.Stack
	err := onStack(cmd, o.which, "upgrade of stack "+o.which.name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		changes, err := s.Upgrade(ctx, step, tried.moves)
		if err != nil {
			return err
		}
		step.Say("%s", s.Summary(changes))
		told, err = s.Outputs(ctx)
		return err
	})
	if err == nil {
		err = verifyRestored(cmd, told, o.output)
	}
	if err != nil {
		return fmt.Errorf("%w\nthe way back: mlflow-sso upgrade --rollback %s", err, o.which.asFlags())
	}
	if err := forgetAside(cmd, o.which); err != nil {
		return err
	}
	if o.output == asJSON {
		return writeJSON(cmd.OutOrStdout(), tried)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is upgraded, in %s: %s\nThe way back, which loses what is written from now on: mlflow-sso upgrade --rollback %s\n",
		o.which.name, time.Since(began).Round(time.Second), texts(tried.Versions), o.which.asFlags())
	return err
}

func forgetAside(cmd *cobra.Command, which stackFlags) error {
	return onStack(cmd, which, "removing what was set aside", func(ctx context.Context, _ *progress.Step, s *stack.Stack) error { return s.DeleteOldCluster(ctx) })
}

// goBack makes the stack what it was.
func goBack(cmd *cobra.Command, o upgradeOptions) error {
	way, _, err := before(cmd, o.which)
	if err != nil {
		return err
	}
	if way == nil || way.Stage == stack.Back {
		return fmt.Errorf("stack %s was not upgraded since it went back, or never: there is no way to go", o.which.name)
	}
	if !o.sure && way.Stage == stack.Done {
		if err := confirmBack(cmd, o.which, way); err != nil {
			return err
		}
	}
	if way.Stage == stack.Done {
		// Who goes back because nothing works must not be held up by that.
		if err := withBackup(cmd, outputsInState, o.which, func(keeper backup.Client, told outputs.Stack) error {
			_, err := snapshotOf(cmd, keeper, told)
			return err
		}); err != nil {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "no snapshot of the present could be taken, so what was written since the upgrade is lost: %v\n", err)
		}
	}
	var told outputs.Stack
	asBefore := stackFlags{name: o.which.name, file: way.File}
	err = onStack(cmd, asBefore, "way back of stack "+o.which.name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		changes, err := s.Rollback(ctx, step, way)
		if err != nil {
			return err
		}
		step.Say("%s", s.Summary(changes))
		told, err = s.Outputs(ctx)
		return err
	})
	if err == nil && !o.unproved {
		err = verifyRestored(cmd, told, o.output)
	}
	if err != nil {
		return err
	}
	if err := forgetAside(cmd, asBefore); err != nil {
		return err
	}
	if o.output == asJSON {
		return writeJSON(cmd.OutOrStdout(), way)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is what it was at %s. Its stack file still wants the other versions: set them back there before the next `mlflow-sso up`,\nwhich refuses them until they are rehearsed.\n",
		o.which.name, way.Began.Local().Format(time.DateTime))
	return err
}

// confirmBack lets a person type the stack's name before what was written is lost.
func confirmBack(cmd *cobra.Command, which stackFlags, way *stack.RollbackPoint) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--rollback loses what was written since the upgrade, and there is nobody to ask: add --yes if it is meant")}
	}
	return confirmStackName(cmd, in, which, fmt.Sprintf("What was written since %s will be in a snapshot alone.\n", way.Began.Local().Format(time.DateTime)), "nothing was changed")
}

func texts(versions []stack.VersionChange) string {
	all := make([]string, 0, len(versions))
	for _, version := range versions {
		all = append(all, version.String())
	}
	return strings.Join(all, "; ")
}

// without are those of the losses that nobody has accepted.
func (r rehearsal) without(accepted []string) []string {
	var all []string
	for _, loss := range r.Losses {
		if !slices.Contains(accepted, loss.Table) {
			all = append(all, loss.String())
		}
	}
	return all
}

func (r rehearsal) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "\nrehearsed in %d s: %s\n%d tables with %d rows and %d artifacts were migrated in a copy; people log in there, and %s\n",
		r.Seconds, texts(r.Versions), r.Tables, r.Rows, r.Artifacts, r.lossText())
	return err
}

func (r rehearsal) lossText() string {
	if len(r.Losses) == 0 {
		return "no table has less than before"
	}
	all := make([]string, 0, len(r.Losses))
	for _, loss := range r.Losses {
		all = append(all, loss.String())
	}
	return "what was accepted: " + strings.Join(all, "; ")
}
