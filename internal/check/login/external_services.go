package login

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// External services are checked from MLflow's container, since only the stack's containers can
// reach them. The probes read addresses and secrets from that container's environment.

// externalServices adds checks of external services after those of MLflow, and replaces
// references to their containers in next steps. A stack without external services has no such
// checks.
func (p *proof) externalServices(checks []check.Check) []check.Check {
	s := p.Stack
	after := func(name check.ID, more check.Check) {
		at := slices.IndexFunc(checks, func(c check.Check) bool { return c.ID == name })
		checks = slices.Insert(checks, at+1, more)
	}
	if s.Redis.External != "" {
		for i := range checks {
			checks[i].Next = strings.ReplaceAll(checks[i].Next, "docker logs --tail 50 {redis}", "check the Redis at "+s.Redis.External)
		}
	}
	if s.Artifacts.URI != "" {
		after(RedisPassword, check.Check{
			ID: ArtifactStore, Run: check.Proves(p.checkArtifactStore), Next: "check who may read " + s.Artifacts.URI + ", and at the access key's rights",
		})
	}
	if s.Postgres.External != "" {
		after(RedisPassword, check.Check{
			ID: DatabaseAccess, Run: check.Proves(p.checkDatabases), Needs: []check.ID{LoginMember},
			Next: "docs/how-to/external-services.md has the statements that create roles and databases at " + s.Postgres.External,
		})
	}
	return checks
}

// inMLflow runs a probe inside MLflow's container and reads its response.
func inMLflow[T any](ctx context.Context, p *proof, which probe.Probe, arguments ...string) (T, error) {
	name := p.Stack.MLflow.Container
	answer, err := probe.JSON[T](ctx, p.Docker, name, which, nil, arguments...)
	if err != nil {
		return answer, fmt.Errorf("inside %s: %w", name, err)
	}
	return answer, nil
}

// database is the result for one database, as its own role.
type database struct {
	Name string `json:"name"`
	// Sessions is the number of MLflow's sessions, Encrypted how many of them use TLS.
	Sessions  int `json:"sessions"`
	Encrypted int `json:"encrypted"`
	// Superuser reports whether the role is one, Guessed whether it can log in with "password".
	Superuser bool `json:"superuser"`
	Guessed   bool `json:"guessed"`
	// Opens are the stack's other databases that the role can connect to.
	Opens []string `json:"opens"`
}

// checkDatabases checks what MLflow's roles can connect to, and how.
func (p *proof) checkDatabases(ctx context.Context) (string, error) {
	// The probe first logs in correctly: the control for every refusal.
	seen, err := inMLflow[[]database](ctx, p, probe.DatabaseRoles)
	if err != nil {
		return "", err
	}
	if err := judgeDatabases(seen, p.Stack.Postgres.TLS); err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow's roles at %s open their own databases only%s", p.Stack.Postgres.External, inTLS(p.Stack.Postgres.TLS)), nil
}

func judgeDatabases(seen []database, encrypted bool) error {
	if len(seen) != 2 {
		return check.Mismatch(fmt.Sprintf("%d databases of MLflow", len(seen)), "2")
	}
	for _, d := range seen {
		switch {
		case d.Superuser:
			return check.Mismatch("a superuser as role of "+d.Name, "one that opens its own database only")
		case d.Guessed:
			return check.Mismatch("a login of role "+d.Name+` with the password "password"`, "a refusal")
		case len(d.Opens) > 0:
			return check.Mismatch(fmt.Sprintf("role %s inside %s", d.Name, strings.Join(d.Opens, " and ")), "a refusal: each opens its own database only")
		case d.Sessions == 0:
			return check.Mismatch("no session of MLflow in "+d.Name, "at least one, since users have just logged in")
		case encrypted && d.Encrypted != d.Sessions:
			return check.Mismatch(fmt.Sprintf("%d of %d sessions of MLflow in %s encrypted", d.Encrypted, d.Sessions, d.Name), "all of them")
		}
	}
	return nil
}

// stored is the state of an object.
type stored struct {
	Kept   bool `json:"kept"`
	Public bool `json:"public"`
	Gone   bool `json:"gone"`
}

// checkArtifactStore writes and reads with MLflow's own client and key, and requests the object
// without a key.
func (p *proof) checkArtifactStore(ctx context.Context) (string, error) {
	seen, err := inMLflow[stored](ctx, p, probe.ArtifactStore)
	if err != nil {
		return "", err
	}
	if err := judgeStore(seen); err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow writes, reads and deletes at %s; a client without a key is refused there", p.Stack.Artifacts.URI), nil
}

func judgeStore(seen stored) error {
	switch {
	case !seen.Kept:
		return check.Mismatch("another content than was written", "the same")
	case seen.Public:
		return check.Mismatch("an artifact, requested without a key", "a refusal: only MLflow decides who reads what")
	case !seen.Gone:
		return check.Mismatch("an object that still exists after it was deleted", "no object")
	}
	return nil
}

func inTLS(tls bool) string {
	if tls {
		return ", over TLS"
	}
	return ", unencrypted"
}
