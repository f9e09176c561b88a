// Package health finds what is wrong with a stack, and the command that fixes it.
//
// It checks from outside, as a browser does, and from inside: the containers, Keycloak over its
// admin API, and each service with that service's own client. Each finding contains what was got
// and wanted, its cause, and one command that fixes it. Findings are ordered by cause: an effect
// comes after its cause and names it, so the first finding is where to begin.
//
// A stack that is partly down is checked as far as possible. A check that could not run is
// reported with the reason, and does not count as passed. Every check has a time limit, and
// changes nothing except for one unfinished login. No finding contains a secret.
//
// All containers share the host's clock, so there is no skew between them: the check compares the
// Docker host's clock with this machine's.
package health

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// checkTimeout limits one check.
const checkTimeout = 20 * time.Second

// Finding is a problem.
type Finding = check.Finding

// Component is a part of a stack.
type Component = check.Component

// Target is the stack under examination.
type Target struct {
	Stack outputs.Stack
	// Environments are the variables of each container according to the program, by the
	// container's name. Many are secrets.
	Environments map[string]map[string]string
	// Rules are the access rules in the settings.
	Rules []accessrule.Rule
	// Tool is the command of this tool, Flags select the stack.
	Tool, Flags string
}

// doctor is one run.
type doctor struct {
	Target
	docker *engine.Engine
	// down returns why a component cannot be queried; an absent component counts as available.
	down map[Component]string
	// inspected are the existing containers according to the first check.
	inspected map[Component]container.InspectResponse
}

// blocked returns why a check cannot query components that the first check found down.
func (d *doctor) blocked(needs []Component) func() string {
	return func() string {
		for _, component := range needs {
			if why := d.down[component]; why != "" {
				return fmt.Sprintf("%s is %s", component, why)
			}
		}
		return ""
	}
}

// find returns a check that runs in parallel with its neighbours.
func (d *doctor) find(id check.ID, run func(context.Context) ([]Finding, error), needs ...Component) check.Check {
	return check.Check{ID: id, Run: check.Finds(run), Concurrent: true, Blocked: d.blocked(needs)}
}

// checks returns all checks of a stack. The first decides which of the others can run.
func (d *doctor) checks() []check.Check {
	s := d.Stack
	all := []check.Check{
		{ID: "containers", Run: check.Finds(d.checkContainers)},
		d.find("environments", d.checkEnvironments),
		d.find("host", d.checkHost),
		d.find("memory", d.checkMemory),
		d.find("volumes", d.checkDataVolumes),
		d.find("images", d.checkImages),
		d.find("keycloak", d.checkRealm, Keycloak),
		d.find("mlflow", d.checkMLflow, MLflow),
		d.find("identity-sync", d.checkIdentitySync, IdentitySync),
		d.find("login", d.checkLogin, MLflow, Keycloak),
		d.find("privileges", d.checkPrivileges, d.privilegeNeeds()...),
	}
	if len(s.IdentityProviders) > 0 {
		all = append(all, d.find("identity-providers", d.checkIdentityProviders, Keycloak))
	}
	if s.Postgres.Container != "" {
		all = append(all, d.find("postgres", d.checkPostgres, Postgres))
	}
	if s.Redis.Container != "" {
		all = append(all, d.find("redis", d.checkRedis, Redis))
	}
	if s.Edge.Exists() {
		all = append(all, d.find("certificate", d.checkCertificates, Edge), d.find("names", d.checkNames, Edge))
	}
	if s.Backup.Exists() {
		all = append(all, d.find("snapshots", d.checkSnapshots, Backup))
	}
	for i := range all {
		all[i].About = about[all[i].ID]
	}
	return all
}

// Suite returns the suite of a stack; its checks share one run.
func Suite(target Target, docker *engine.Engine) check.Suite {
	d := &doctor{Target: target, docker: docker, down: map[Component]string{}, inspected: map[Component]container.InspectResponse{}}
	return d.suite()
}

func (d *doctor) suite() check.Suite {
	return check.Suite{Name: "doctor", Title: d.Stack.Deployment + ": diagnosis", Checks: d.checks(), Timeout: checkTimeout}
}

// Run runs the suite once, and orders the findings by cause.
func Run(ctx context.Context, target Target, docker *engine.Engine, observer check.Observer) check.Report {
	d := &doctor{Target: target, docker: docker, down: map[Component]string{}, inspected: map[Component]container.InspectResponse{}}
	suite := d.suite()
	suite.Order = func(found []Finding) []Finding {
		d.addLogs(ctx, found)
		for i := range found {
			f := &found[i]
			f.Got, f.Log = d.redact(f.Got), d.redact(f.Log)
		}
		return order(found)
	}
	out := suite.Run(ctx, observer)
	for i := range out.Checks {
		out.Checks[i].Reason = d.redact(out.Checks[i].Reason)
	}
	return out
}

// up returns a command of this tool that fixes something, with the stack's own flags.
func (d *doctor) up(more ...string) string {
	return strings.Join(append([]string{d.Tool, "up", d.Flags}, more...), " ")
}

// container returns the name of a component's container.
func (d *doctor) container(o Component) string {
	switch o {
	case Postgres:
		return d.Stack.Postgres.Container
	case IdentitySync:
		return d.Stack.IdentitySync.Container
	case Redis:
		return d.Stack.Redis.Container
	case Keycloak, Realm:
		return d.Stack.Keycloak.Container
	case MLflow:
		return d.Stack.MLflow.Container
	case Edge:
		return d.Stack.Edge.Container
	case Backup:
		return d.Stack.Backup.Container
	}
	return ""
}

// memorySetting returns the setting for the memory limit of a component's container.
func memorySetting(c Component) string {
	if c == IdentitySync { // the component keeps its older name in JSON
		return "setting identitySync.memoryMB"
	}
	return fmt.Sprintf("setting %s.memoryMB", c)
}
