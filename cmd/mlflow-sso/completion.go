package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// completeStacks completes the names of stacks: of those with a stack file in the working copy,
// and of those in the state.
func (c *stackFlags) completeStacks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	if err := c.enter(); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return lifecycle.StackNames(), cobra.ShellCompDirectiveNoFileComp
}

// completeFromSettings completes a command's one argument with names from the stack file.
func completeFromSettings(which *stackFlags, names func(*config.Config) []string) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 || which.enter() != nil {
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
