package login

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// What is not the stack's is looked at from MLflow's container, which is where it
// is used: the stack has no other place that may reach it. The probes take
// addresses and secrets from that container's environment.

// elsewhere puts checks of services that are not the stack's beside those of
// MLflow, and sends people to them where a check would send to a container. A
// stack that has no such services has no such checks.
func (p *proof) elsewhere(checks []check) []check {
	s := p.stack
	after := func(name string, more check) {
		at := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		checks = slices.Insert(checks, at+1, more)
	}
	if s.Redis.External != "" {
		for i := range checks {
			checks[i].next = strings.ReplaceAll(checks[i].next, "docker logs --tail 50 {redis}", "look at the Redis at "+s.Redis.External)
		}
	}
	if s.Artifacts.URI != "" {
		after("redis-password", check{
			name: "artifact-store", run: p.checkArtifactStore, next: "look at who may read " + s.Artifacts.URI + ", and at the access key's rights",
		})
	}
	if s.Postgres.External != "" {
		after("redis-password", check{
			name: "database-access", run: p.checkDatabases, needs: []string{"login-member"},
			next: "docs/how-to/external-services.md has the statements that make roles and databases at " + s.Postgres.External,
		})
	}
	return checks
}

// inMLflow runs a probe inside MLflow's container and reads its answer.
func inMLflow[T any](ctx context.Context, p *proof, which probe.Probe, arguments ...string) (T, error) {
	name := p.stack.MLflow.Container
	answer, err := probe.JSON[T](ctx, p.docker, name, which, nil, arguments...)
	if err != nil {
		return answer, fmt.Errorf("inside %s: %w", name, err)
	}
	return answer, nil
}

// database is what was seen of one, as its own role.
type database struct {
	Name string `json:"name"`
	// Sessions are those of MLflow, Encrypted how many of them are.
	Sessions  int `json:"sessions"`
	Encrypted int `json:"encrypted"`
	// Superuser says that the role is one, Guessed that it is let in with "password".
	Superuser bool `json:"superuser"`
	Guessed   bool `json:"guessed"`
	// Opens are the stack's other databases that the role gets into.
	Opens []string `json:"opens"`
}

// checkDatabases looks at what MLflow's roles reach, and how.
func (p *proof) checkDatabases(ctx context.Context) (string, error) {
	// The probe logs in properly first: the control for everybody who is refused.
	seen, err := inMLflow[[]database](ctx, p, probe.DatabaseRoles)
	if err != nil {
		return "", err
	}
	if err := judgeDatabases(seen, p.stack.Postgres.TLS); err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow's roles at %s open their own database alone%s", p.stack.Postgres.External, inTLS(p.stack.Postgres.TLS)), nil
}

func judgeDatabases(seen []database, encrypted bool) error {
	if len(seen) != 2 {
		return differs(fmt.Sprintf("%d databases of MLflow", len(seen)), "2")
	}
	for _, d := range seen {
		switch {
		case d.Superuser:
			return differs("a superuser as role of "+d.Name, "one that opens its own database alone")
		case d.Guessed:
			return differs("an open door for role "+d.Name+` with the password "password"`, "a refusal")
		case len(d.Opens) > 0:
			return differs(fmt.Sprintf("role %s inside %s", d.Name, strings.Join(d.Opens, " and ")), "a refusal: each opens its own database alone")
		case d.Sessions == 0:
			return differs("no session of MLflow in "+d.Name, "at least one, since people have just logged in")
		case encrypted && d.Encrypted != d.Sessions:
			return differs(fmt.Sprintf("%d of %d sessions of MLflow in %s encrypted", d.Encrypted, d.Sessions, d.Name), "all of them")
		}
	}
	return nil
}

// stored is what became of an object.
type stored struct {
	Kept   bool `json:"kept"`
	Public bool `json:"public"`
	Gone   bool `json:"gone"`
}

// checkArtifactStore writes and reads with MLflow's own client and key, and asks
// without a key for what is there.
func (p *proof) checkArtifactStore(ctx context.Context) (string, error) {
	seen, err := inMLflow[stored](ctx, p, probe.ArtifactStore)
	if err != nil {
		return "", err
	}
	if err := judgeStore(seen); err != nil {
		return "", err
	}
	return fmt.Sprintf("MLflow writes, reads and removes at %s; a stranger gets nothing there", p.stack.Artifacts.URI), nil
}

func judgeStore(seen stored) error {
	switch {
	case !seen.Kept:
		return differs("another content than was written", "the same")
	case seen.Public:
		return differs("an artifact, asked for without a key", "a refusal: MLflow alone decides who reads what")
	case !seen.Gone:
		return differs("an object that is still there after it was removed", "that it is gone")
	}
	return nil
}

func inTLS(tls bool) string {
	if tls {
		return ", in TLS"
	}
	return ", in clear"
}
