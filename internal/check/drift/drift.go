// Package drift compares the actual state with the program and the settings. It changes nothing,
// not even the Pulumi state.
//
// Each check compares one place: the resources that Pulumi manages, and what Pulumi does not see
// because it compares only what it created: members of groups, objects on the host and in the
// realm, and privileges inside MLflow and Postgres. The caller reads the places; this package
// decides what can be compared, and what a difference means.
//
// A place that could not be compared is never reported as free of drift.
package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

const (
	// resourcesTimeout limits Pulumi's comparison, which reads every resource.
	resourcesTimeout = 20 * time.Minute
	// placeTimeout limits every other check.
	placeTimeout = 5 * time.Minute
)

// Places are functions that read what is compared. Each returns the differences.
type Places struct {
	// Volumes returns an error if the data volumes differ from the state.
	Volumes func(context.Context) error
	// Resources returns the changes that an update would make after reading the actual state.
	Resources func(context.Context) ([]report.Change, error)
	// Members, Host, Realm and Privileges return findings. An empty Fix means a manual change in
	// Keycloak's console.
	Members, Host, Realm, Privileges func(context.Context) ([]check.Finding, error)
}

// suite is one run: the results of its checks decide what later ones can read.
type suite struct {
	places Places
	// flags select the stack in a command of this tool.
	flags string

	compared bool
	differ   []report.Change
	members  []check.Finding
	errs     []error
}

// Suite returns the suite of a stack; its checks share one run.
func Suite(deployment, flags string, places Places) check.Suite {
	return (&suite{places: places, flags: flags}).suite(deployment)
}

// Run runs the suite once. The error describes places that could not be read; the report has the
// findings of the others.
func Run(ctx context.Context, deployment, flags string, places Places, observer check.Observer) (check.Report, error) {
	s := &suite{places: places, flags: flags}
	out := s.suite(deployment).Run(ctx, observer)
	if len(s.errs) == 0 && ctx.Err() != nil {
		return out, ctx.Err()
	}
	return out, errors.Join(s.errs...)
}

func (s *suite) suite(deployment string) check.Suite {
	all := []check.Check{
		{ID: Volumes, Run: check.Proves(s.volumes)},
		{ID: Resources, Needs: []check.ID{Volumes}, Run: check.Finds(s.resources), Timeout: resourcesTimeout},
		{ID: Members, Blocked: s.noRealm, Run: check.Finds(s.findMembers)},
		{ID: Host, Blocked: s.notCompared, Run: s.finds(s.places.Host)},
		{ID: Realm, Blocked: s.noRealm, Run: check.Finds(s.realm)},
		{ID: Privileges, Blocked: s.noServices, Run: s.finds(s.places.Privileges)},
	}
	for i := range all {
		all[i].About = about[all[i].ID]
	}
	return check.Suite{Name: "drift", Title: deployment + ": drift", Checks: all, Timeout: placeTimeout}
}

func (s *suite) volumes(ctx context.Context) (string, error) {
	err := s.places.Volumes(ctx)
	s.failed(err)
	return "the data volumes are those of the state", err
}

func (s *suite) resources(ctx context.Context) ([]check.Finding, error) {
	changes, err := s.places.Resources(ctx)
	s.failed(err)
	if err != nil {
		return nil, err
	}
	s.compared, s.differ = true, changes
	var found []check.Finding
	for _, c := range changes {
		if !isOfMembers(c) {
			found = append(found, s.ofChange(c))
		}
	}
	return found, nil
}

// isOfMembers reports whether a change only removes members, which another check reports.
func isOfMembers(c report.Change) bool {
	return c.Outcome == report.Changed && strings.HasSuffix(c.Kind, " GroupMembers") && len(c.Properties) > 0 &&
		!slices.ContainsFunc(c.Properties, func(p report.Property) bool { return !strings.HasPrefix(p.Name, identity.UnlistedMembers) })
}

func (s *suite) findMembers(ctx context.Context) (found []check.Finding, err error) {
	s.members, err = s.read(ctx, s.places.Members)
	return s.members, err
}

// realm omits users that the check of members has already reported.
func (s *suite) realm(ctx context.Context) ([]check.Finding, error) {
	found, err := s.read(ctx, s.places.Realm)
	return slices.DeleteFunc(found, func(f check.Finding) bool {
		return slices.ContainsFunc(s.members, func(m check.Finding) bool { return m.Cause == f.Cause })
	}), err
}

func (s *suite) finds(place func(context.Context) ([]check.Finding, error)) func(context.Context) (check.Outcome, error) {
	return check.Finds(func(ctx context.Context) ([]check.Finding, error) { return s.read(ctx, place) })
}

// read reads a place and completes its findings.
func (s *suite) read(ctx context.Context, place func(context.Context) ([]check.Finding, error)) ([]check.Finding, error) {
	found, err := place(ctx)
	s.failed(err)
	for i := range found {
		if found[i].Fix == "" {
			found[i].Fix = s.command("console") + " # and there: " + found[i].Next
		}
		found[i].Fix = strings.Replace(found[i].Fix, check.UpCommand, s.command("up"), 1)
	}
	return found, err
}

// command returns a command of this tool for the stack.
func (s *suite) command(words ...string) string {
	return strings.TrimSpace(strings.Join(append(append([]string{"mlflow-sso"}, words...), s.flags), " "))
}

func (s *suite) failed(err error) {
	if err != nil {
		s.errs = append(s.errs, err)
	}
}

// notCompared returns why nothing can be compared: the differences among the resources are
// unknown.
func (s *suite) notCompared() string {
	if s.compared {
		return ""
	}
	return "the resources were not compared"
}

// noRealm returns why Keycloak cannot be queried.
func (s *suite) noRealm() string {
	return s.without("postgres-container", "keycloak-container", "edge-container", "realm-realm")
}

// noServices returns why MLflow, Postgres or Keycloak cannot be queried.
func (s *suite) noServices() string {
	if why := s.noRealm(); why != "" {
		return why
	}
	return s.without("mlflow-container")
}

// without returns the first of these resources that cannot be relied on. A realm that differs can
// still be read.
func (s *suite) without(needed ...string) string {
	if why := s.notCompared(); why != "" {
		return why
	}
	for _, c := range s.differ {
		if slices.Contains(needed, c.Resource) && (c.Resource != "realm-realm" || c.Outcome == report.Created) {
			return fmt.Sprintf("%s would be %s", c.Resource, c.Outcome)
		}
	}
	return ""
}
