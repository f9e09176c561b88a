package login

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

func external() outputs.Stack {
	return outputs.Stack{
		Deployment: "lab", IdentitySync: outputs.IdentitySync{Container: "x-sync"}, MLflow: outputs.MLflow{Container: "lab-mlflow"}, Keycloak: outputs.Keycloak{Container: "lab-keycloak"},
		Postgres:  outputs.Service{External: "db.example.com:5432", TLS: true},
		Redis:     outputs.Service{External: "cache.example.com:6379", TLS: true},
		Artifacts: outputs.Artifacts{URI: "s3://bucket/prefix"},
	}
}

// What cannot be checked is absent from the list, not passed; everything else is in it.
func TestExternalServicesHaveChecksInPlaceOfTheContainers(t *testing.T) {
	own := names(outputs.Stack{})
	require.NotContains(t, own, "database-access")
	require.NotContains(t, own, "artifact-store")
	with := names(external())
	require.Equal(t, len(own)+2, len(with))
	for _, name := range append(own, "database-access", "artifact-store") {
		require.Contains(t, with, name)
	}
	require.Equal(t, "cleanup", with[len(with)-1])
	require.Less(t, slices.Index(with, "database-access"), slices.Index(with, "logout"), "its sessions are of people who are logged in")
}

func TestNoNextStepNamesAMissingContainer(t *testing.T) {
	p := newProof(external(), nil)
	for _, c := range p.checks() {
		next := scenario.Places(p.Stack).Replace(c.Next)
		require.NotRegexp(t, `docker logs( --tail 50)? *(;|$)`, next, "of %s", c.ID)
		if strings.HasPrefix(string(c.ID), "redis") {
			require.Contains(t, next, "cache.example.com:6379")
		}
	}
}

func TestARoleThatReachesMoreThanItsOwnDatabaseIsFound(t *testing.T) {
	right := func() []database {
		return []database{{Name: "mlflow", Sessions: 2, Encrypted: 2}, {Name: "mlflow_auth", Sessions: 1, Encrypted: 1}}
	}
	require.NoError(t, judgeDatabases(right(), true))
	for want, change := range map[string]func(*database){
		"got a superuser":                func(d *database) { d.Superuser = true },
		"got a login of role":            func(d *database) { d.Guessed = true },
		"got role mlflow_auth inside ke": func(d *database) { d.Opens = []string{"keycloak"} },
		"got no session of MLflow":       func(d *database) { d.Sessions, d.Encrypted = 0, 0 },
		"got 0 of 1 sessions":            func(d *database) { d.Encrypted = 0 },
	} {
		seen := right()
		change(&seen[1])
		require.ErrorContains(t, judgeDatabases(seen, true), want)
	}
	require.ErrorContains(t, judgeDatabases(right()[:1], true), "got 1 databases")
	seen := right()
	seen[0].Encrypted = 0
	require.NoError(t, judgeDatabases(seen, false), "in clear where the settings say so")
}

func TestAStoreThatForgetsOrShowsEverythingIsFound(t *testing.T) {
	require.NoError(t, judgeStore(stored{Kept: true, Gone: true}))
	require.ErrorContains(t, judgeStore(stored{Gone: true}), "another content")
	require.ErrorContains(t, judgeStore(stored{Kept: true, Public: true, Gone: true}), "without a key")
	require.ErrorContains(t, judgeStore(stored{Kept: true}), "still exists")
}
