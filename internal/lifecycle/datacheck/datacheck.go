// Package datacheck finds rows that were lost when another version of a service migrated a
// stack's data.
package datacheck

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// MissingTable is the content of a table that no longer exists.
const MissingTable = -1

// MissingRows is a table with fewer rows than before.
type MissingRows struct {
	// Table includes its database, "mlflow_auth.users".
	Table string `json:"table"`
	Had   int64  `json:"had"`
	// Has is Gone if the table does not exist.
	Has int64 `json:"has"`
}

// String returns a text such as "mlflow_auth.users: 12 rows, now 11".
func (l MissingRows) String() string {
	if l.Has == MissingTable {
		return fmt.Sprintf("%s: %d rows, and the table is missing", l.Table, l.Had)
	}
	return fmt.Sprintf("%s: %d rows, now %d", l.Table, l.Had, l.Has)
}

// passing are tables with temporary or unimportant rows, whose number may decrease.
var passing = map[string][]string{
	"mlflow":      {"alembic_version"},
	"mlflow_auth": {"alembic_version", "auth_state", "auth_sessions", "saml_assertions", "mlflow_sso_jobs", "mlflow_sso_keycloak_sessions"},
}

// lasting are Keycloak's tables with users' data. Its other tables contain what the program
// creates, sessions or events.
var lasting = []string{
	"user_entity", "credential", "user_group_membership", "keycloak_group", "user_role_mapping", "user_attribute", "federated_identity",
}

// counts reports whether fewer rows are a loss.
func counts(database, table string) bool {
	if database == "keycloak" {
		return slices.Contains(lasting, table)
	}
	return !slices.Contains(passing[database], table)
}

// Compare returns the tables with fewer rows than before, by name. Had is a snapshot's record of
// its databases, has the current number of rows by table, each named "public.users".
func Compare(had map[string][]backup.Table, has map[string]map[string]int64) []MissingRows {
	var all []MissingRows
	for database, tables := range had {
		for _, before := range tables {
			name := bare.ReplaceAllString(before.Table, "")
			if before.Rows == 0 || !counts(database, name) {
				continue
			}
			now, ok := has[database][before.Table]
			if !ok {
				now = MissingTable
			}
			if now < before.Rows {
				all = append(all, MissingRows{database + "." + name, before.Rows, now})
			}
		}
	}
	slices.SortFunc(all, func(a, b MissingRows) int { return cmp.Compare(a.Table, b.Table) })
	return all
}

var bare = regexp.MustCompile(`^public\.`)

var major = regexp.MustCompile(`PostgreSQL\) (\d+)`)

// PostgresMajor returns the major version of Postgres in a container: another version cannot read
// its data.
func PostgresMajor(ctx context.Context, docker *engine.Engine, container string) (int, error) {
	said, err := docker.Run(ctx, container, []string{"postgres", "--version"}, nil)
	if err != nil {
		return 0, fmt.Errorf("version of Postgres in container %s: %w", container, err)
	}
	found := major.FindStringSubmatch(string(said))
	if found == nil {
		return 0, fmt.Errorf("version of Postgres in container %s: got %q, want a text with a number", container, said)
	}
	return strconv.Atoi(found[1])
}
