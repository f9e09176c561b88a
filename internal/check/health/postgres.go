package health

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// inPostgres is psql as the superuser, over the socket that only the container's user may open.
const inPostgres = "psql --no-psqlrc --host=/tmp/postgresql --username=postgres"

// rolesQuery returns for each of the program's roles whether it is a superuser, whether it may
// log in, and the encoding of the database with its name.
const rolesQuery = `SELECT r.rolname, r.rolsuper, r.rolcanlogin, coalesce(pg_encoding_to_char(d.encoding), '-')
FROM pg_roles r LEFT JOIN pg_database d ON d.datname = r.rolname WHERE r.rolname NOT LIKE 'pg\_%'`

// tryPassword logs in as a role, like a service. Its argument is the role; the password comes
// from standard input.
const tryPassword = `read -r PGPASSWORD && export PGPASSWORD PGCONNECT_TIMEOUT=5 &&
exec psql --no-psqlrc --host=127.0.0.1 --username="$0" --dbname="$0" --tuples-only --command="SELECT 1"`

// role is Postgres's description of a role and its database.
type role struct {
	superuser, login bool
	encoding         string
}

func (d *doctor) checkPostgres(ctx context.Context) ([]Finding, error) {
	name := d.container(Postgres)
	out, err := d.exec(ctx, name, append(strings.Fields(inPostgres), "--no-align", "--tuples-only", "--command="+rolesQuery))
	if err != nil {
		return nil, fmt.Errorf("read the roles of Postgres: %w", err)
	}
	written := d.Environments[name]
	wanted := strings.Fields(written["POSTGRES_DATABASES"])
	if len(wanted) == 0 {
		return nil, fmt.Errorf("%w: the state does not say which databases %s has", check.ErrNotRun, name)
	}
	found := d.judgeRoles(wanted, readRoles(out))
	for _, of := range wanted {
		if readRoles(out)[of].encoding == "" || !readRoles(out)[of].login || readRoles(out)[of].encoding == "-" {
			continue // already reported
		}
		refused, failed := d.tryRole(ctx, of, written["POSTGRES_PASSWORD_"+strings.ToUpper(of)])
		found, err = append(found, refused...), errors.Join(err, failed)
	}
	return found, err
}

func readRoles(out string) map[string]role {
	roles := map[string]role{}
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSpace(line), "|"); len(f) == 4 {
			roles[f[0]] = role{f[1] == "t", f[2] == "t", f[3]}
		}
	}
	return roles
}

// judgeRoles requires each role, without privileges, with its own database in UTF8.
func (d *doctor) judgeRoles(wanted []string, got map[string]role) (found []Finding) {
	name := d.container(Postgres)
	restart := "docker restart " + name // the image creates roles and databases at each start
	add := func(id check.ID, what, is, should, cause, fix string) {
		found = append(found, Finding{ID: id, Component: Postgres, Summary: what, Got: is, Wanted: should, Cause: cause, Fix: fix})
	}
	for _, of := range wanted {
		r, there := got[of]
		switch {
		case !there:
			add(RoleMissing, "Postgres has no role "+of, "no such role", "a role with a database of its own", "role "+of, restart)
			continue
		case !r.login:
			add(RoleLocked, "role "+of+" cannot log in", "NOLOGIN", "LOGIN", "role "+of, restart)
		case r.encoding == "-":
			add(DatabaseMissing, "Postgres has no database "+of, "no such database", "a database of role "+of, "database "+of, restart)
		case r.encoding != "UTF8":
			add(DatabaseEncoding, "database "+of+" cannot hold every character", r.encoding, "UTF8", "database "+of,
				fmt.Sprintf("docker exec %s pg_dump --host=/tmp/postgresql --username=postgres --format=custom %s > %s.dump # then create the database again in UTF8 and pg_restore", name, of, of))
		}
		if r.superuser {
			add(RoleSuperuser, "role "+of+" may do everything in Postgres", "SUPERUSER", "NOSUPERUSER", "role "+of,
				fmt.Sprintf(`docker exec %s %s --command='ALTER ROLE %s NOSUPERUSER'`, name, inPostgres, of))
		}
	}
	return found
}

// tryRole logs in as a role with the program's password.
func (d *doctor) tryRole(ctx context.Context, of, password string) ([]Finding, error) {
	name := d.container(Postgres)
	if password == "" {
		return nil, fmt.Errorf("%w: the state has no password of role %s", check.ErrNotRun, of)
	}
	result, err := d.docker.Exec(ctx, name, []string{"sh", "-c", tryPassword, of}, engine.Stdin(strings.NewReader(password+"\n")))
	if err != nil {
		return nil, err
	}
	failed := result.Err()
	switch {
	case failed == nil:
		return nil, nil
	case !strings.Contains(result.Stderr, "password authentication failed"):
		return nil, fmt.Errorf("log in to Postgres as %s: %w", of, failed)
	}
	return []Finding{{
		ID: RolePassword, Component: Postgres, Summary: "role " + of + " has another password than the program gave it",
		Got: lastLine(result.Stderr), Wanted: "a login", Cause: "role " + of + " in " + name,
		Fix: "docker restart " + name,
	}}, nil
}
