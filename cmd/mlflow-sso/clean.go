package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/trash"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// errNotCleaned is returned if something could not be deleted.
var errNotCleaned = errors.New("not everything could be deleted: fix the cause and run the command again")

// cleaning is the flags of the command clean.
type cleaning struct {
	request                trash.Request
	dryRun, yes, olderThan bool
	output                 format
}

// cleanResult is what clean writes as JSON.
type cleanResult struct {
	Deleted       bool  `json:"deleted"`
	TrashSeconds  int64 `json:"trashSeconds"`
	OrphanSeconds int64 `json:"orphanSeconds"`
	trash.Result
}

func newCleanCommand(which *stackFlags) *cobra.Command {
	var flags cleaning
	command := &cobra.Command{
		Use:   "clean",
		Short: "Permanently delete old trash and orphaned artifacts",
		Long: `clean reports, and with --delete permanently deletes:

  - experiments, runs and logged models that have been in MLflow's trash for longer than the
    setting mlflow.trashRetention, with their traces and files
  - files of runs, logged models and traces that are gone from the database, which MLflow's
    own trash cleanup and the deletion of traces leave
  - parts of uploads that never ended

Rows are deleted first, files after them. A file is kept while a row names it: of a run, a
logged model, a trace, or a version of a registered model, in the trash or not. Files younger
than --orphans-older-than may be part of an upload and are kept. An interrupted command is
continued by the next. Users may keep working. What is deleted can only be restored from a
snapshot.`,
		Example: `  mlflow-sso clean
  mlflow-sso clean --stack prod --delete --yes
  mlflow-sso clean --older-than 2160h --output json | jq .files`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "something could not be deleted, or MLflow's database or artifacts cannot be read"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags.olderThan = cmd.Flags().Changed("older-than")
			return clean(cmd, *which, flags)
		},
	}
	set := command.Flags()
	set.BoolVar(&flags.request.Delete, "delete", false, "delete permanently; without it, the command only reports")
	set.BoolVar(&flags.dryRun, "dry-run", false, "only report, which is the default")
	set.DurationVar(&flags.request.Trash, "older-than", 0, "`TIME` in the trash after which something is deleted, such as 720h (default mlflow.trashRetention)")
	set.DurationVar(&flags.request.Orphans, "orphans-older-than", 24*time.Hour, "`TIME` since the newest file of what no row names, at least 1h")
	set.BoolVar(&flags.request.UnknownOrigin, "unknown-origin", false, "include files that are older than the database, or of an experiment that it never had")
	set.BoolVarP(&flags.yes, "yes", "y", false, "do not ask for confirmation of --delete")
	flags.output.flag(command)
	return command
}

func clean(cmd *cobra.Command, which stackFlags, flags cleaning) error {
	if flags.dryRun && flags.request.Delete {
		return usageError{errors.New("got both --delete and --dry-run, want one of them")}
	}
	if err := flags.request.Validate(); err != nil {
		return usageError{err}
	}
	if flags.request.Delete && !flags.yes {
		in, ok := terminal(cmd)
		if !ok {
			return usageError{errors.New("--delete deletes permanently, and standard input is not a terminal: add --yes to confirm")}
		}
		what := "This permanently deletes what `mlflow-sso clean` without --delete lists.\n"
		if err := confirmStackName(cmd, in, which, what, "nothing was deleted"); err != nil {
			return err
		}
	}
	s, err := lifecycle.Find(cmd.Context(), which.selection())
	if err != nil {
		return err
	}
	if !flags.olderThan {
		flags.request.Trash = s.Config.MLflow.TrashRetention
	}
	stack, err := s.Outputs(cmd.Context())
	if err != nil {
		return err
	}
	result, err := runClean(cmd, stack.MLflow.Container, flags.request)
	if err != nil {
		return err
	}
	return writeClean(cmd, flags, result)
}

// runClean runs the cleanup as a progress step: a large store takes minutes.
func runClean(cmd *cobra.Command, container string, request trash.Request) (result trash.Result, err error) {
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	title := "looking for what can be deleted in " + container
	if request.Delete {
		title = "deleting in " + container
	}
	err = progress.New(cmd.ErrOrStderr()).Step(cmd.Context(), title, func(ctx context.Context, step *progress.Step) error {
		step.Say("in the trash for %s, or orphaned for %s", request.Trash, request.Orphans)
		result, err = trash.Run(ctx, docker, container, request)
		return err
	})
	return result, err
}

func writeClean(cmd *cobra.Command, flags cleaning, result trash.Result) error {
	var err error
	heading := "TO DELETE"
	if flags.request.Delete {
		heading = "DELETED"
	}
	if flags.output == asJSON {
		seconds := func(d time.Duration) int64 { return int64(d.Seconds()) }
		err = writeJSON(cmd.OutOrStdout(), cleanResult{flags.request.Delete, seconds(flags.request.Trash), seconds(flags.request.Orphans), result})
	} else {
		err = trash.Write(cmd.OutOrStdout(), result, heading)
		if err == nil && !flags.request.Delete && !result.Empty() {
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "nothing was deleted: add --delete")
		}
	}
	if err == nil && result.FailureCount > 0 {
		err = errNotCleaned
	}
	return err
}
