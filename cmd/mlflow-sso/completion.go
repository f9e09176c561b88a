package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeStacks completes the names of the working copy's stack files.
func completeStacks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	files, err := filepath.Glob(filepath.Join(root, "Pulumi.*.yaml"))
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFromSettings completes a command's one argument with names from the stack file.
func completeFromSettings(which *stackFlags, names func(*config.Config) []string) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		settings, err := lifecycle.Settings(lifecycle.Selection{Name: which.name, File: which.file})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.Sorted(slices.Values(names(settings))), cobra.ShellCompDirectiveNoFileComp
	}
}

func serviceAccountNames(c *config.Config) (names []string) {
	for _, account := range c.ServiceAccounts {
		names = append(names, account.Name)
	}
	return names
}

func userNames(c *config.Config) (names []string) {
	for _, user := range c.Users {
		names = append(names, user.Username)
	}
	return names
}

// complete completes a flag's value with fixed words.
func complete(command *cobra.Command, flag string, words []string) {
	_ = command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
