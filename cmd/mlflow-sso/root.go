package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := endedBySignals(context.Background())
	defer stop()
	return runRoot(ctx, newRootCommand(outputsInState), args, stdout, stderr)
}

func runRoot(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	refuseUnknownHelpTopics(root)
	cmd, err := root.ExecuteContextC(ctx)
	if received, ok := signalOf(ctx); ok && err != nil {
		writeInterruption(stderr, cmd, received, err)
		return received.exitCode()
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "error: %v\n", err)
	}
	return exitCode(err)
}

// The groups of commands in the help.
const (
	groupDeploy  = "deploy"
	groupCheck   = "check"
	groupAccess  = "access"
	groupData    = "data"
	groupMachine = "machine"
)

func newRootCommand(ofStack outputsOf) *cobra.Command {
	root := &cobra.Command{
		Use:   "mlflow-sso",
		Short: "MLflow with single sign-on on your own Docker host",
		Long: `mlflow-sso deploys MLflow with single sign-on through Keycloak on one Docker host:
it prepares the machine, deploys and upgrades stacks, checks their logins and their
security, manages access, and takes and restores backups.

Results are written to standard output, progress and warnings to standard error.`,
		Example: `  mlflow-sso up                  # deploy stack dev from Pulumi.dev.yaml
  mlflow-sso verify --stack prod # check the logins of stack prod
  mlflow-sso destroy             # tear stack dev down, and keep its data`,
		SilenceErrors: true,
		SilenceUsage:  true,

		Args: noUnknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	which := &stackFlags{}
	which.addTo(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		which.warnings = newWarnings(cmd.ErrOrStderr())
		if err := which.enter(); err != nil {
			return err
		}
		return warnOldNames(cmd)
	}
	root.SetFlagErrorFunc(flagMistake)
	useVersion(root)
	add := func(group, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: group, Title: title + ":"})
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add(groupDeploy, "Deploy",
		newUpCommand(which), newPreviewCommand(which), newUpgradeCommand(which), newOutputsCommand(which), newDestroyCommand(which))
	add(groupCheck, "Check",
		newStatusCommand(which), newLogsCommand(which), newVerifyCommand(which, ofStack), newDoctorCommand(which), newDriftCommand(which), newSecurityTestCommand(which, ofStack))
	add(groupAccess, "Users and access",
		newAccessCommand(which), newInviteCommand(which, ofStack), newTokenCommand(which, ofStack), newCredentialsCommand(which, ofStack),
		newConsoleCommand(which, ofStack), newBreakGlassCommand(which, ofStack), newCACertificateCommand(which, ofStack))
	add(groupData, "Data", newBackupCommand(which, ofStack), newRestoreCommand(which), newCleanCommand(which))
	add(groupMachine, "Machine", newBootstrapCommand(), newListCommand(), newVersionCommand())
	root.SetHelpCommandGroupID(groupMachine)
	root.SetCompletionCommandGroupID(groupMachine)
	root.AddCommand(newReferenceCommand())
	acceptOldNames(root)
	useHelpTemplate(root)
	return root
}

// noUnknownCommand makes an unknown command a mistake in the arguments.
func noUnknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q, want one of those that `%s --help` lists", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{fmt.Errorf("%s", text)}
}

// noArguments makes a stray argument a mistake in the arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.HasAvailableSubCommands() {
		return noUnknownCommand(cmd, args)
	}
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, got %q", cmd.CommandPath(), args)}
	}
	return nil
}

// useHelpTemplate adds the exit codes to cobra's own help of every command, and leaves
// out the old names of commands.
func useHelpTemplate(root *cobra.Command) {
	cobra.AddTemplateFunc("exitHelp", exitHelp)
	usage := root.UsageTemplate()
	usage = strings.Replace(usage, "{{if gt (len .Aliases) 0}}\n\nAliases:\n  {{.NameAndAliases}}{{end}}", "", 1)
	root.SetUsageTemplate(strings.TrimRight(usage, "\n") + "\n{{if .Runnable}}\nExit codes:\n{{exitHelp .}}\n{{end}}")
}
