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
	which                chosen
	rehearse, back, sure bool
	// unproved leaves out the logins after going back.
	unproved bool
	accept   []string
	output   format
}

func newUpgradeCommand() *cobra.Command {
	var o upgradeOptions
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
			if o.rehearse && o.back {
				return usageError{errors.New("--rehearse and --back at once: want one of them")}
			}
			if o.unproved && !o.back {
				return usageError{errors.New("--no-verify without --back: new versions are always proved")}
			}
			if o.back {
				return goBack(cmd, o)
			}
			return upgrade(cmd, o)
		},
	}
	flags := command.Flags()
	o.which.flags(flags)
	o.output.flag(flags)
	flags.BoolVar(&o.rehearse, "rehearse", false, "try the new versions on a copy, and leave the stack alone")
	flags.BoolVar(&o.back, "back", false, "go back to what the stack was before its last upgrade")
	flags.BoolVar(&o.sure, "yes", false, "do not ask whether --back is meant")
	flags.BoolVar(&o.unproved, "no-verify", false, "go back without proving the logins: the checks are written for the versions of this mlflow-sso")
	flags.StringSliceVar(&o.accept, "accept", nil, "a `TABLE`, such as mlflow_auth.groups, that may have less afterwards")
	return command
}

func upgrade(cmd *cobra.Command, o upgradeOptions) error {
	told, err := outputsInState(cmd.Context(), o.which)
	if err != nil {
		return err
	}
	if !told.Backup.Exists() {
		return fmt.Errorf("stack %s takes no snapshots, and an upgrade needs one to try it on and to go back to: set `backup` in its stack file (docs/how-to/back-up-and-restore.md), and run `mlflow-sso up --unrehearsed %s`", o.which.name, o.which.asFlags())
	}
	way, changed, err := before(cmd, o.which)
	if err != nil {
		return err
	}
	cutOff := way != nil && way.Stage == stack.Changing
	if cutOff && o.rehearse {
		return errors.New("an upgrade is half way: there is nothing to rehearse. `mlflow-sso upgrade` goes on, `mlflow-sso upgrade --back` goes back")
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
func before(cmd *cobra.Command, which chosen) (*stack.RollbackPoint, []stack.VersionChange, error) {
	s, err := which.found(cmd.Context())
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
		return fmt.Errorf("%w\nthe way back: mlflow-sso upgrade --back %s", err, o.which.asFlags())
	}
	if err := forgetAside(cmd, o.which); err != nil {
		return err
	}
	if o.output == asJSON {
		return writeJSON(cmd.OutOrStdout(), tried)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "\nStack %s is upgraded, in %s: %s\nThe way back, which loses what is written from now on: mlflow-sso upgrade --back %s\n",
		o.which.name, time.Since(began).Round(time.Second), texts(tried.Versions), o.which.asFlags())
	return err
}

func forgetAside(cmd *cobra.Command, which chosen) error {
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
		if err := withKeeper(cmd, outputsInState, o.which, func(keeper backup.Client, told outputs.Stack) error {
			_, err := snapshotOf(cmd, keeper, told)
			return err
		}); err != nil {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "no snapshot of the present could be taken, so what was written since the upgrade is lost: %v\n", err)
		}
	}
	var told outputs.Stack
	asBefore := chosen{name: o.which.name, file: way.File}
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
func confirmBack(cmd *cobra.Command, which chosen, way *stack.RollbackPoint) error {
	in, ok := terminal(cmd)
	if !ok {
		return usageError{errors.New("--back loses what was written since the upgrade, and there is nobody to ask: add --yes if it is meant")}
	}
	return typed(cmd, in, which, fmt.Sprintf("What was written since %s will be in a snapshot alone.\n", way.Began.Local().Format(time.DateTime)), "nothing was changed")
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
