// Package datacheck finds rows that were lost when a service of another version migrated a
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

// MissingTable is what a table has that is not there any more.
const MissingTable = -1

// MissingRows is a table that has less than before.
type MissingRows struct {
	// Table has its database before it, "mlflow_auth.users".
	Table string `json:"table"`
	Had   int64  `json:"had"`
	// Has is Gone where there is no such table.
	Has int64 `json:"has"`
}

// String is such as "mlflow_auth.users: 12 rows, now 11".
func (l MissingRows) String() string {
	if l.Has == MissingTable {
		return fmt.Sprintf("%s: %d rows, and the table is missing", l.Table, l.Had)
	}
	return fmt.Sprintf("%s: %d rows, now %d", l.Table, l.Had, l.Has)
}

// passing is what is over soon, or counts nothing: tables whose rows may become fewer.
var passing = map[string][]string{
	"mlflow":      {"alembic_version"},
	"mlflow_auth": {"alembic_version", "auth_state", "auth_sessions", "saml_assertions", "mlflow_sso_jobs", "mlflow_sso_keycloak_sessions"},
}

// lasting is what people would miss of Keycloak's. What else is there is the program's
// to make, or a session, or an event.
var lasting = []string{
	"user_entity", "credential", "user_group_membership", "keycloak_group", "user_role_mapping", "user_attribute", "federated_identity",
}

// counts says whether fewer rows are a loss.
func counts(database, table string) bool {
	if database == "keycloak" {
		return slices.Contains(lasting, table)
	}
	return !slices.Contains(passing[database], table)
}

// Compare are the tables that have less than before, by name. Had is what a snapshot says of
// its databases, has the rows that their tables have now, each named "public.users".
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

// PostgresMajor is the major version of the Postgres in a container: the data of one is not read by
// another.
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
