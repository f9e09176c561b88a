package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// findUnmanaged is what stands in the realm, or around it on the host, and nobody of the
// stack made. Pulumi does not look beside what it made. The realm is looked at only
// where Keycloak is not to be made anew.
func (s *Stack) findUnmanaged(ctx context.Context, step Step, found []report.Change) ([]report.Change, error) {
	known, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.strangers(ctx, known)
	if err != nil || s.realmUnreadable(found) {
		return all, err
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("looking at the whole of realm %s", told.Realm.Name)
	realm, err := realmbaseline.Open(ctx, told, s.made())
	if err != nil {
		return nil, err
	}
	inside, err := realm.Differences(ctx)
	if err != nil {
		return nil, err
	}
	powers, err := s.undeclaredPrivileges(ctx, step, told, found)
	return slices.Concat(all, inside, powers), err
}

// undeclaredPrivileges is who and what has power inside MLflow and Postgres that no
// setting declares. Both are read only where neither is to be made anew.
func (s *Stack) undeclaredPrivileges(ctx context.Context, step Step, told outputs.Stack, found []report.Change) ([]report.Change, error) {
	if slices.ContainsFunc(found, func(c report.Change) bool {
		return c.Resource == "postgres-container" || c.Resource == "mlflow-container"
	}) {
		return nil, nil
	}
	step.Say("reading who has which power inside MLflow and Postgres")
	seen, err := privilege.Read(ctx, told, s.Docker)
	if err != nil {
		return nil, err
	}
	var all []report.Change
	for _, u := range (privilege.Declared{Stack: told, Rules: s.Config.Rules()}).Judge(seen) {
		all = append(all, report.Change{Resource: u.Resource, Kind: u.Kind, Outcome: report.Unmanaged, Why: u.Got + "; " + u.Next})
	}
	return all, nil
}

// strangers are containers, networks and volumes that carry the deployment's name,
// containers that are on its networks, and networks that its containers are on,
// none of which the state knows.
func (s *Stack) strangers(ctx context.Context, known *state) ([]report.Change, error) {
	api := s.Docker.API()
	var found []report.Change
	add := func(kind, name, why string) {
		found = append(found, report.Change{Resource: kind + " " + name, Kind: "docker " + kind, Outcome: report.Unmanaged, Why: why})
	}
	all, err := api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	networks, err := api.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: s.ours()})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	own := map[string]bool{}
	for _, n := range networks {
		if known.has(typeNetwork, n.ID) {
			own[n.Name] = true
		}
	}
	for _, c := range all {
		name := nameOfContainer(c)
		ours := known.has(typeContainer, c.ID)
		if c.NetworkSettings != nil {
			for on := range c.NetworkSettings.Networks {
				switch {
				case own[on] && !ours:
					add("container", name, fmt.Sprintf("is on network %s; `docker network disconnect -f %s %s` takes it off", on, on, name))
				case ours && !own[on]:
					add("network", on, fmt.Sprintf("has container %s; `docker network disconnect %s %s` takes it off", name, on, name))
				}
			}
		}
		if !ours && s.labelled(c.Labels) {
			add("container", name, "carries this deployment's name; `mlflow-sso up` removes it")
		}
	}
	for _, n := range networks {
		if s.labelled(n.Labels) && !known.has(typeNetwork, n.ID) {
			add("network", n.Name, "carries this deployment's name; `mlflow-sso up` removes it")
		}
	}
	for _, v := range volumes.Volumes {
		if !known.has(typeVolume, v.Name) && !slices.Contains(s.replaced(), v.Name) {
			add("volume", v.Name, "carries this deployment's name; `docker volume rm "+v.Name+"` if nobody needs it")
		}
	}
	slices.SortFunc(found, func(a, b report.Change) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

// labelled says whether labels carry the deployment's name.
func (s *Stack) labelled(labels map[string]string) bool { return s.ours().MatchKVList("label", labels) }
