package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

func newCredentialsCommand() *cobra.Command {
	var which stackFlags
	var output format
	command := &cobra.Command{
		Use:   "passwords",
		Short: "Show who can log in where, with the passwords in clear",
		Long: `passwords shows the demo users of a stack and the person who may open Keycloak's admin console
at any time, where it has these (realm.demoUsers, keycloak.standingAdmin). They are read from
the encrypted state. A demo user's password is the one that the person started with.`,
		Example: `  mlflow-sso passwords
  mlflow-sso passwords --output json | jq -r '.[] | select(.username == "demo-admin").password'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := outputsInState(cmd.Context(), which)
			if err != nil {
				return err
			}
			all := logins(told)
			if len(all) == 0 {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "the stack has no standing passwords; `mlflow-sso console %s` lets a person into Keycloak's admin console\n", which.asFlags())
			}
			return printLogins(cmd.OutOrStdout(), all, output)
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	return command
}

// account is one way in.
type account struct {
	Where    string `json:"where"`
	Username string `json:"username"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

func logins(told outputs.Stack) []account {
	all := []account{}
	roles := map[string]string{told.Realm.AdminGroup: "administrator", told.Realm.UserGroup: "member"}
	for _, user := range told.DemoUsers {
		role, ok := roles[user.Group]
		if !ok {
			role = "nobody: is refused"
		}
		all = append(all, account{told.MLflow.URL, user.Username, user.Password, role})
	}
	if admin := told.Keycloak.Admin; admin.Exists() {
		all = append(all, account{told.Keycloak.AdminURL + "/admin/", admin.Username, admin.Password, "Keycloak's administrator"})
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
	_, _ = fmt.Fprintln(table, "WHERE\tUSERNAME\tPASSWORD\tROLE") // tabwriter tells at Flush
	for _, l := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Where, l.Username, l.Password, l.Role)
	}
	return table.Flush()
}
