// Package privilege finds privileges inside MLflow, Postgres and Keycloak that no setting of the
// stack declares: administrators and service accounts of MLflow with their tokens, SCIM tokens,
// webhooks, permission patterns, roles of Postgres, subgroups with the name of the
// administrators' group, and an artifact directory that other users can open.
//
// It reads the databases inside the containers, so it works on a stack without access rules, and
// changes nothing. It does not report what members grant to users or groups on their own objects.
package privilege

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

const (
	callTimeout = time.Minute
	manyPeople  = 10000
)

// User is an active account of MLflow.
type User struct {
	Username string `json:"username"`
	Admin    bool   `json:"is_admin"`
	Service  bool   `json:"is_service_account"`
	Source   string `json:"source"`
	// Tokens is the number of valid personal tokens.
	Tokens int `json:"tokens"`
	// BreakGlass marks a temporary account of `mlflow-sso break-glass`.
	BreakGlass bool `json:"break_glass"`
}

// Webhook is a webhook in MLflow.
type Webhook struct{ Name, URL, Status string }

// Pattern grants a permission on every name that matches.
type Pattern struct {
	// Of is group, user or serviceAccount.
	Of         string `json:"of"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Regex      string `json:"regex"`
	Priority   int    `json:"priority"`
	Permission string `json:"permission"`
}

// Role is a role of Postgres.
type Role struct {
	Name string
	// Powers are its attributes other than LOGIN, and its predefined roles of Postgres.
	Powers []string
	Login  bool
}

// Member is a user in a nested group of Keycloak.
type Member struct{ Group, Username string }

// Inventory is all existing privileges.
type Inventory struct {
	Users      []User    `json:"users"`
	SCIMTokens []string  `json:"scimTokens"`
	Webhooks   []Webhook `json:"webhooks"`
	Patterns   []Pattern `json:"patterns"`
	Artifacts  *struct {
		Folder string `json:"folder"`
		Mode   int    `json:"mode"`
	} `json:"artifacts"`
	// Roles is nil if Postgres is external.
	Roles []Role `json:"-"`
	// Administrators are user names and e-mail addresses of the members of the realm's
	// administrators' group, in lower case.
	Administrators []string `json:"-"`
	// Nested are members of other groups with the name of the administrators' group. Tokens
	// contain a group's name without its path.
	Nested []Member `json:"-"`
}

// Read reads all of it.
func Read(ctx context.Context, stack outputs.Stack, docker *engine.Engine) (Inventory, error) {
	seen, err := probe.JSON[Inventory](ctx, docker, stack.MLflow.Container, probe.PrivilegeInventory, nil)
	if err != nil {
		return seen, fmt.Errorf("read privileges inside %s: %w", stack.MLflow.Container, err)
	}
	if stack.Postgres.Container != "" {
		if seen.Roles, err = readRoles(ctx, stack, docker); err != nil {
			return seen, err
		}
	}
	if err := seen.readGroups(ctx, stack); err != nil {
		return seen, fmt.Errorf("read the groups of realm %s of Keycloak at %s: %w", stack.Realm.Name, stack.Keycloak.AdminURL, err)
	}
	return seen, nil
}

// rolesQuery returns roles with their attributes and predefined roles. Names cannot contain the
// separator: psql ends records with a line end, and names are quoted.
const rolesQuery = `SELECT json_agg(json_build_object('Name', r.rolname, 'Login', r.rolcanlogin, 'Powers', array_remove(ARRAY[
CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END]
|| ARRAY(SELECT 'member of ' || g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1), NULL)) ORDER BY r.rolname)
FROM pg_roles r WHERE r.rolname !~ '^pg_'`

func readRoles(ctx context.Context, stack outputs.Stack, docker *engine.Engine) ([]Role, error) {
	roles, err := engine.RunJSON[[]Role](ctx, docker, stack.Postgres.Container, []string{
		"psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--no-align", "--tuples-only", "--command=" + rolesQuery,
	}, nil)
	if err == nil && len(roles) == 0 {
		err = errors.New("got no roles, want those of the stack")
	}
	if err != nil {
		return nil, fmt.Errorf("read the roles of Postgres in %s: %w", stack.Postgres.Container, err)
	}
	return roles, nil
}

// readGroups reads the members of the administrators' group, and of groups with its name.
func (i *Inventory) readGroups(ctx context.Context, stack outputs.Stack) error {
	api, err := admin.Open(ctx, stack.Keycloak, callTimeout)
	if err != nil {
		return err
	}
	realm := stack.Realm
	members := func(id string) ([]*gocloak.User, error) {
		return api.GetGroupMembers(ctx, api.Token, realm.Name, id, gocloak.GetGroupsParams{Max: gocloak.IntP(manyPeople)})
	}
	// A search returns the path to each match.
	found, err := api.GetGroups(ctx, api.Token, realm.Name, gocloak.GetGroupsParams{
		Search: &realm.AdminGroup, Exact: gocloak.BoolP(true), Max: gocloak.IntP(manyPeople), Full: gocloak.BoolP(true),
	})
	if err != nil {
		return err
	}
	for _, group := range flat(found) {
		if gocloak.PString(group.Name) != realm.AdminGroup {
			continue
		}
		in, err := members(gocloak.PString(group.ID))
		if err != nil {
			return err
		}
		path := gocloak.PString(group.Path)
		for _, who := range in {
			if path == "/"+realm.AdminGroup {
				i.Administrators = append(i.Administrators, strings.ToLower(gocloak.PString(who.Username)), strings.ToLower(gocloak.PString(who.Email)))
			} else {
				i.Nested = append(i.Nested, Member{strings.TrimPrefix(path, "/"), gocloak.PString(who.Username)})
			}
		}
	}
	return nil
}

func flat(groups []*gocloak.Group) []gocloak.Group {
	var all []gocloak.Group
	for _, group := range groups {
		all = append(all, *group)
		if group.SubGroups == nil {
			continue
		}
		for _, below := range *group.SubGroups {
			all = append(all, flat([]*gocloak.Group{&below})...)
		}
	}
	return all
}
