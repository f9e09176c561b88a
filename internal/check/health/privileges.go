package health

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
)

// privilegeNeeds are the components whose privileges are read.
func (d *doctor) privilegeNeeds() []Component {
	needs := []Component{MLflow, Keycloak}
	if d.Stack.Postgres.Container != "" {
		needs = append(needs, Postgres)
	}
	return needs
}

// checkPrivileges reads the accounts and rules with privileges inside MLflow, Postgres and
// Keycloak.
func (d *doctor) checkPrivileges(ctx context.Context) ([]Finding, error) {
	seen, err := privilege.Read(ctx, d.Stack, d.docker)
	if err != nil {
		return nil, err
	}
	return d.judgePrivileges(seen), nil
}

// summaries describe each kind of undeclared privilege.
var summaries = map[string]string{
	privilege.Administrator:  " administers MLflow although neither Keycloak's group nor the settings say so",
	privilege.ServiceAccount: " has a token and no setting declares it",
	privilege.SCIMToken:      " lets an external program write users and groups",
	privilege.WebhookID:      " sends events out of the stack",
	privilege.PatternID:      " lets its subject change objects of others",
	privilege.PostgresRole:   " is no role of the stack, or has more power than the stack gives it",
	privilege.NestedGroup:    " becomes an administrator through a nested group",
	privilege.ArtifactsMode:  " is open to other users of the container's host",
}

// judgePrivileges keeps dangerous ones; `drift` reports the others, too.
func (d *doctor) judgePrivileges(seen privilege.Inventory) (found []Finding) {
	for _, u := range (privilege.Declared{Stack: d.Stack, Rules: d.Rules}).Judge(seen) {
		if !u.Danger || u.ID == privilege.PostgresRole && d.reported(u) {
			continue
		}
		component := MLflow
		switch u.ID {
		case privilege.PostgresRole:
			component = Postgres
		case privilege.NestedGroup:
			component = Realm
		}
		found = append(found, Finding{
			ID: check.ID(u.ID), Component: component, Summary: u.Resource + summaries[u.ID], Got: u.Got, Wanted: "nothing that the settings do not declare",
			Cause: u.Resource, Fix: cmp.Or(u.Command, d.console(u.Next)),
		})
	}
	return found
}

// reported reports whether the check of Postgres has already reported a role of the stack.
func (d *doctor) reported(u privilege.Undeclared) bool {
	name := strings.TrimPrefix(u.Resource, "Postgres role ")
	ours := strings.Fields(d.Environments[d.container(Postgres)]["POSTGRES_DATABASES"])
	return slices.Contains(ours, name) && u.Got == "has LOGIN, SUPERUSER"
}
