// Package health finds what is wrong with a stack, and the command that fixes it.
//
// It looks from outside, as a browser does, and from inside: at the containers, at
// Keycloak over its admin API, and at each service with that service's own client.
// Each finding carries what was got and what was wanted, what causes it, and one
// command that mends it. Findings are in the order of cause: what follows from
// another finding stands behind it and says so, and the first is where to begin.
//
// A stack that is half down is examined as far as it goes. What could not be looked
// at is told with the reason, and is no health. Every examination is bounded in
// time, and changes nothing but one unfinished login. No secret reaches a finding.
//
// All containers share the clock of one host, so there is no skew between them:
// what is compared is the Docker host's clock with that of this machine.
package health

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// lookWithin bounds one examination.
const lookWithin = 20 * time.Second

// Target is the stack that is examined.
type Target struct {
	Stack outputs.Stack
	// Environments are the variables of each container as the program wrote them, by
	// the container's name. Many are secrets.
	Environments map[string]map[string]string
	// Rules are the access rules of the settings.
	Rules []accessrule.Rule
	// Tool is how the operator calls this tool, Flags choose the stack.
	Tool, Flags string
}

// Finding is something that is wrong.
type Finding struct {
	// ID is short and stable: machines match on it.
	ID string `json:"id"`
	// Component is the part of the stack that is affected.
	Component Component `json:"component"`
	// Summary says what is wrong, in one line.
	Summary string `json:"summary"`
	// Got and Wanted are the evidence; Log is a line of the container's log, if one fits.
	Got    string `json:"got"`
	Wanted string `json:"wanted"`
	Log    string `json:"log,omitempty"`
	// Cause is the setting or the resource behind it.
	Cause string `json:"cause"`
	// Fix is one command for a shell.
	Fix string `json:"fix"`
	// FollowsFrom is the ID of the finding that this one is an effect of; empty for a cause.
	FollowsFrom string `json:"followsFrom,omitempty"`
}

// Skipped is what could not be looked at.
type Skipped struct {
	Examination string `json:"examination"`
	Reason      string `json:"reason"`
}

// Report is the outcome.
type Report struct {
	Deployment string        `json:"deployment"`
	Examined   []string      `json:"examined"`
	Findings   []Finding     `json:"findings"`
	Skipped    []Skipped     `json:"notRun"`
	Took       time.Duration `json:"-"`
}

// Healthy says whether everything was looked at and nothing is wrong.
func (d Report) Healthy() bool {
	return len(d.Examined) > 0 && len(d.Findings) == 0 && len(d.Skipped) == 0
}

// examination looks at one side of one organ.
type examination struct {
	name string
	// needs are organs that have to run for it.
	needs []Component
	look  func(context.Context) ([]Finding, error)
}

// errCannotCheck is wrapped by an examination that finds out by itself that it cannot look.
var errCannotCheck = errors.New("could not look")

// doctor is one run.
type doctor struct {
	Target
	docker *engine.Engine
	// down says why an organ cannot be asked; an organ that is absent can be.
	down map[Component]string
	// inspected are the containers that are there, as the first examination saw them.
	inspected map[Component]container.InspectResponse
}

// examinations are all of a stack. The first decides which of the others can run.
func (d *doctor) examinations() []examination {
	s := d.Stack
	all := []examination{
		{name: "containers", look: d.lookAtContainers},
		{name: "environments", look: d.lookAtEnvironments},
		{name: "host", look: d.lookAtHost},
		{name: "memory", look: d.lookAtMemory},
		{name: "volumes", look: d.checkDataVolumes},
		{name: "images", look: d.lookAtImages},
		{name: "keycloak", needs: []Component{Keycloak}, look: d.lookAtRealm},
		{name: "mlflow", needs: []Component{MLflow}, look: d.lookInMLflow},
		{name: "identity-sync", needs: []Component{IdentitySync}, look: d.lookAtKeeper},
		{name: "login", needs: []Component{MLflow, Keycloak}, look: d.lookAtLogin},
		{name: "privileges", needs: d.privilegeNeeds(), look: d.checkPrivileges},
	}
	if len(s.IdentityProviders) > 0 {
		all = append(all, examination{name: "identity-providers", needs: []Component{Keycloak}, look: d.lookAtUpstreams})
	}
	if s.Postgres.Container != "" {
		all = append(all, examination{name: "postgres", needs: []Component{Postgres}, look: d.lookInPostgres})
	}
	if s.Redis.Container != "" {
		all = append(all, examination{name: "redis", needs: []Component{Redis}, look: d.lookInRedis})
	}
	if s.Edge.Exists() {
		all = append(all,
			examination{name: "certificate", needs: []Component{Edge}, look: d.lookAtCertificates},
			examination{name: "names", needs: []Component{Edge}, look: d.lookAtNames})
	}
	if s.Backup.Exists() {
		all = append(all, examination{name: "snapshots", needs: []Component{Backup}, look: d.lookAtSnapshots})
	}
	return all
}

// Names are the names of all examinations of a stack.
func Names(p Target) []string {
	var names []string
	for _, e := range (&doctor{Target: p}).examinations() {
		names = append(names, e.name)
	}
	return names
}

// Run looks at everything once, and tells observe the name of each examination as
// it ends; nil is allowed.
func Run(ctx context.Context, p Target, docker *engine.Engine, observe func(string)) Report {
	d := &doctor{Target: p, docker: docker, down: map[Component]string{}, inspected: map[Component]container.InspectResponse{}}
	began := time.Now()
	all := d.examinations()
	done := make([]seen, len(all))
	tell := func(i int, s seen) {
		done[i] = s
		if observe != nil {
			observe(all[i].name)
		}
	}
	tell(0, d.lookOnce(ctx, all[0]))
	var group sync.WaitGroup
	var one sync.Mutex
	for i, e := range all[1:] {
		group.Go(func() {
			s := d.lookOnce(ctx, e)
			one.Lock()
			defer one.Unlock()
			tell(i+1, s)
		})
	}
	group.Wait()
	out := Report{Deployment: p.Stack.Deployment, Findings: []Finding{}, Skipped: []Skipped{}}
	for i, s := range done {
		out.Examined = append(out.Examined, all[i].name)
		out.Findings = append(out.Findings, s.findings...)
		if s.reason != "" {
			out.Skipped = append(out.Skipped, Skipped{all[i].name, d.redact(s.reason)})
		}
	}
	d.addLogs(ctx, out.Findings)
	for i := range out.Findings {
		f := &out.Findings[i]
		f.Got, f.Log = d.redact(f.Got), d.redact(f.Log)
	}
	out.Findings = order(out.Findings)
	out.Took = time.Since(began)
	return out
}

// seen is what an examination came to; reason says why it could not be made.
type seen struct {
	findings []Finding
	reason   string
}

func (d *doctor) lookOnce(ctx context.Context, e examination) seen {
	for _, organ := range e.needs {
		if why := d.down[organ]; why != "" {
			return seen{reason: fmt.Sprintf("%s is %s", organ, why)}
		}
	}
	within, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	found, err := e.look(within)
	switch {
	case err == nil:
		return seen{findings: found}
	case ctx.Err() != nil:
		return seen{found, "interrupted"}
	case within.Err() != nil:
		return seen{found, fmt.Sprintf("not done within %s: %v", lookWithin, err)}
	}
	return seen{found, strings.TrimSpace(err.Error())}
}

// up is a command of this tool that mends, with the stack's own flags.
func (d *doctor) up(more ...string) string {
	return strings.Join(append([]string{d.Tool, "up", d.Flags}, more...), " ")
}

// container is the name of an organ's container.
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
