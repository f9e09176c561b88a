package health

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// inMLflow is the result of [probe.ServerHealth]: each observation, or its error.
type inMLflow struct {
	Versions    map[string]string `json:"versions"`
	Errors      map[string]string `json:"errors"`
	Permissions struct {
		At   string `json:"at"`
		Head string `json:"head"`
	} `json:"permissions"`
	Discovery string `json:"discovery"`
	// Keys are fingerprints of the session key in each server process.
	Keys []string `json:"keys"`
}

func (d *doctor) checkMLflow(ctx context.Context) ([]Finding, error) {
	var packages []string
	for _, least := range mlflow.MinimumVersions() {
		packages = append(packages, least.Package)
	}
	seen, err := probe.JSON[inMLflow](ctx, d.docker, d.container(MLflow), probe.ServerHealth, nil, packages...)
	if err != nil {
		return nil, err
	}
	if len(seen.Keys) == 0 {
		err = fmt.Errorf("%w: no process of the server was found in %s", check.ErrNotRun, d.container(MLflow))
	}
	return d.judgeInside(seen), err
}

// judgeInside checks what MLflow itself observes of its dependencies.
func (d *doctor) judgeInside(seen inMLflow) (found []Finding) {
	name := d.container(MLflow)
	add := func(id check.ID, what, got, wanted, cause, fix string) {
		found = append(found, Finding{ID: id, Component: MLflow, Summary: what, Got: got, Wanted: wanted, Cause: cause, Fix: fix})
	}
	for _, least := range mlflow.MinimumVersions() {
		if err := least.Check(seen.Versions[least.Package]); err != nil {
			add(Version, least.Package+" is too old: "+least.Why, orNone(seen.Versions[least.Package]), least.Version+" or later", "setting images.mlflow", d.up())
		}
	}
	for store, variable := range map[string]string{"runs": "MLFLOW_BACKEND_STORE_URI", "permissions": "OIDC_USERS_DB_URI"} {
		said := seen.Errors[store]
		switch {
		case said == "":
		case strings.HasPrefix(said, "ModuleNotFoundError") || strings.HasPrefix(said, "NoSuchModuleError"):
			add(DriverMissing, "MLflow's image has no driver for Postgres", said, "psycopg", "setting images.mlflow", d.up())
		default:
			add(DatabaseRefuses, "MLflow cannot open its database of "+store, firstLine(said), "a connection", "variable "+variable+" of container "+name, d.up())
		}
	}
	if p := seen.Permissions; seen.Errors["permissions"] == "" && p.At != p.Head {
		add(AuthNotMigrated, "the database of permissions does not have the tables that the plugin needs", orNone(p.At), p.Head,
			"database of permissions; the image migrates it when it starts", "docker restart "+name)
	}
	if said := seen.Errors["cache"]; said != "" {
		add(RedisRefuses, "MLflow cannot use Redis, and reads every permission from the database", firstLine(said), "a connection",
			"variable CACHE_REDIS_URL of container "+name, d.up())
	}
	if said := seen.Errors["discovery"]; said != "" {
		add(KeycloakUnreachable, "MLflow does not reach Keycloak: the login answers 500", firstLine(said), "a discovery document",
			"variable OIDC_DISCOVERY_URL of container "+name, d.up())
	} else if seen.Discovery != d.Stack.Realm.Issuer {
		add(IssuerDiffers, "Keycloak's issuer is not the one that MLflow expects in tokens", seen.Discovery, d.Stack.Realm.Issuer, "Keycloak's address, KC_HOSTNAME or the realm's Frontend URL", d.up("--refresh"))
	}
	slices.Sort(seen.Keys)
	if len(slices.Compact(seen.Keys)) > 1 {
		add(SessionKey, "processes of MLflow have different session keys: logins end with Invalid state parameter, and users are logged out at random",
			fmt.Sprintf("%d keys", len(slices.Compact(seen.Keys))), "one", "variable SECRET_KEY of container "+name, "docker restart "+name)
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.ID, b.ID) })
	return found
}
