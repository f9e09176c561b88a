package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
)

func newPasswordsCommand() *cobra.Command {
	var which chosen
	var output format
	command := &cobra.Command{
		Use:   "passwords",
		Short: "Show who can log in where, with the passwords in clear",
		Long: `passwords shows the demo users of a stack, where it has some, and the person who may open
Keycloak's admin console. They are read from the encrypted state. A demo user's password
is the one that the person started with.`,
		Example: `  mlflow-sso passwords
  mlflow-sso passwords --output json | jq -r '.[] | select(.username == "demo-admin").password'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			told, err := outputsInState(cmd.Context(), which)
			if err != nil {
				return err
			}
			return printLogins(cmd.OutOrStdout(), logins(told), output)
		},
	}
	which.flags(command.Flags())
	output.flag(command.Flags())
	return command
}

// login is one way in.
type login struct {
	Where    string `json:"where"`
	Username string `json:"username"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

func logins(told outputs.Stack) []login {
	var all []login
	roles := map[string]string{told.Realm.AdminGroup: "administrator", told.Realm.UserGroup: "member"}
	for _, user := range told.DemoUsers {
		role, is := roles[user.Group]
		if !is {
			role = "nobody: is refused"
		}
		all = append(all, login{told.MLflow.URL, user.Username, user.Password, role})
	}
	return append(all, login{
		told.Keycloak.AdminURL + "/admin/", told.Keycloak.Admin.Username, told.Keycloak.Admin.Password, "Keycloak's administrator",
	})
}

func printLogins(w io.Writer, all []login, output format) error {
	if output == asJSON {
		return writeJSON(w, all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WHERE\tUSERNAME\tPASSWORD\tROLE") // tabwriter tells at Flush
	for _, l := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Where, l.Username, l.Password, l.Role)
	}
	return table.Flush()
}
