package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/inventory"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
)

// logsFlags are the flags of the command logs.
type logsFlags struct {
	options inventory.LogOptions
	output  format
}

func newLogsCommand(which *stackFlags) *cobra.Command {
	var flags logsFlags
	command := &cobra.Command{
		Use:   "logs [COMPONENT...]",
		Short: "Show the logs of a stack's containers",
		Long: `logs shows the logs of all components of a stack, or of those that are named: postgres, redis,
keycloak, mlflow, identity-sync, edge and backup. The lines are in the order of time. It needs no
passphrase, no Pulumi and no working copy, as status. Control characters are removed.`,
		Example: `  mlflow-sso logs
  mlflow-sso logs keycloak mlflow --since 15m --tail all
  mlflow-sso logs mlflow --follow --stack prod
  mlflow-sso logs --output json | jq -r 'select(.component == "edge").text'`,
		Args:        flags.components,
		Annotations: exits(map[int]string{exitFailed: "the stack is not known here, or a log cannot be read"}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showLogs(cmd, which.selection(), args, flags)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return slices.DeleteFunc(inventory.ComponentNames(), func(name string) bool { return slices.Contains(args, name) }), cobra.ShellCompDirectiveNoFileComp
		},
	}
	which.withoutShortFile(command)
	set := command.Flags()
	set.BoolVarP(&flags.options.Follow, "follow", "f", false, "wait for new lines until Ctrl-C")
	set.StringVar(&flags.options.Since, "since", "", "only lines since this `TIME`: a duration before now such as 15m, or a time such as 2026-11-27T10:00:00Z")
	set.StringVar(&flags.options.Tail, "tail", "100", "`NUMBER` of lines of each component at most, or all")
	flags.output.flag(command)
	return command
}

// components checks the arguments.
func (logsFlags) components(_ *cobra.Command, args []string) error {
	known := inventory.ComponentNames()
	for _, name := range args {
		if !slices.Contains(known, name) {
			return usageError{fmt.Errorf("got component %q, want one of %s", name, strings.Join(known, ", "))}
		}
	}
	return nil
}

// validate checks the flags.
func (f logsFlags) validate() error {
	if n, err := strconv.Atoi(f.options.Tail); f.options.Tail != "all" && (err != nil || n < 0) {
		return usageError{fmt.Errorf("--tail: got %q, want a number of lines, or all", f.options.Tail)}
	}
	since := f.options.Since
	if since == "" {
		return nil
	}
	if d, err := time.ParseDuration(since); err == nil && d >= 0 {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, since); err == nil {
		return nil
	}
	return usageError{fmt.Errorf("--since: got %q, want a duration such as 15m, or a time such as 2026-11-27T10:00:00Z", since)}
}

func showLogs(cmd *cobra.Command, which lifecycle.Selection, wanted []string, flags logsFlags) (err error) {
	if err := flags.validate(); err != nil {
		return err
	}
	status, err := lifecycle.StatusOf(cmd.Context(), which)
	if err != nil {
		return err
	}
	chosen, err := chooseContainers(status, wanted)
	if err != nil {
		return err
	}
	docker, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	return inventory.Logs(cmd.Context(), docker, chosen, flags.options, lineWriter(cmd.OutOrStdout(), chosen, flags.output))
}

// chooseContainers returns the containers of the components; all without any.
func chooseContainers(s lifecycle.Status, wanted []string) ([]inventory.Container, error) {
	if len(s.Containers) == 0 {
		return nil, fmt.Errorf("stack %s has no containers on this Docker host", s.Stack)
	}
	if len(wanted) == 0 {
		return s.Containers, nil
	}
	var chosen []inventory.Container
	for _, name := range wanted {
		i := slices.IndexFunc(s.Containers, func(c inventory.Container) bool { return c.Component == name })
		if i < 0 {
			return nil, fmt.Errorf("stack %s has no container of %s; it has %s", s.Stack, name, strings.Join(componentsOf(s.Containers), ", "))
		}
		chosen = append(chosen, s.Containers[i])
	}
	return chosen, nil
}

func componentsOf(all []inventory.Container) []string {
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.Component)
	}
	return names
}

// lineWriter writes lines with the component in front where there are several, or as JSON, a line
// each.
func lineWriter(w io.Writer, chosen []inventory.Container, output format) func(inventory.Line) error {
	if output == asJSON {
		return func(l inventory.Line) error { return writeJSONLine(w, l) }
	}
	width := 0
	for _, name := range componentsOf(chosen) {
		width = max(width, len(name))
	}
	return func(l inventory.Line) error {
		if len(chosen) == 1 {
			_, err := fmt.Fprintln(w, l.Text)
			return err
		}
		_, err := fmt.Fprintf(w, "%-*s | %s\n", width, l.Component, l.Text)
		return err
	}
}
