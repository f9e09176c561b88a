package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func newCredentialsCommand(which *stackFlags, ofStack outputsOf) *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "credentials",
		Short: "Show the users who can log in, with their passwords in plain text",
		Long: `credentials shows the demo users of a stack (realm.demoUsers) and Keycloak's permanent
administrator (keycloak.permanentAdmin), if the stack has them. They are read from the
encrypted state. For a demo user it shows the initial password.`,
		Example: `  mlflow-sso credentials
  mlflow-sso credentials --output json | jq -r '.[] | select(.username == "demo-admin").password'`,
		Args:        noArguments,
		Annotations: exits(map[int]string{exitFailed: "the state cannot be read"}),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stack, err := ofStack(cmd.Context(), *which)
			if err != nil {
				return err
			}
			all := logins(stack)
			if len(all) == 0 {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "the stack has no permanent users with known passwords; `mlflow-sso console %s` grants temporary access to the Keycloak admin console\n", which.asFlags())
			}
			return printLogins(cmd.OutOrStdout(), all, output)
		},
	}
	output.flag(command)
	return command
}

// account is one login.
type account struct {
	Where    string `json:"where"`
	Username string `json:"username"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

func logins(stack outputs.Stack) []account {
	all := []account{}
	roles := map[string]string{stack.Realm.AdminGroup: "administrator", stack.Realm.UserGroup: "member"}
	for _, user := range stack.DemoUsers {
		role, ok := roles[user.Group]
		if !ok {
			role = "no access"
		}
		all = append(all, account{stack.MLflow.URL, user.Username, user.Password, role})
	}
	if admin := stack.Keycloak.Admin; admin.Exists() {
		all = append(all, account{stack.Keycloak.AdminURL + "/admin/", admin.Username, admin.Password, "Keycloak administrator"})
	}
	return all
}

func printLogins(w io.Writer, all []account, output format) error {
	if output == asJSON {
		return writeJSON(w, all)
	}
	if len(all) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WHERE\tUSERNAME\tPASSWORD\tROLE") // tabwriter reports errors at Flush
	for _, l := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Where, l.Username, l.Password, l.Role)
	}
	return table.Flush()
}
