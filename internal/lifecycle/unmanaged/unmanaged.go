// Package unmanaged finds what exists in a stack's realm, or around it on the host, and was not
// made by the stack: Pulumi compares only what it made.
package unmanaged

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/components/identityprovider"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/reconcile"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// Find is what stands in the realm, or around it on the host, and nobody of the
// stack made. Pulumi does not look beside what it made. The realm is checked only
// where Keycloak is not to be recreated.
func Find(ctx context.Context, s *stack.Stack, step stack.Step, found []report.Change) ([]report.Change, error) {
	known, err := s.ReadState(ctx)
	if err != nil {
		return nil, err
	}
	all, err := unmanagedOnHost(ctx, s, known)
	if err != nil || reconcile.RealmUnreadable(found) {
		return all, err
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("checking the whole of realm %s", deployed.Realm.Name)
	realm, err := realmbaseline.Open(ctx, deployed, managed(s))
	if err != nil {
		return nil, err
	}
	inside, err := realm.Differences(ctx)
	if err != nil {
		return nil, err
	}
	powers, err := undeclaredPrivileges(ctx, s, step, deployed, found)
	return slices.Concat(all, inside, powers), err
}

// undeclaredPrivileges is who and what has power inside MLflow and Postgres that no
// setting declares. Both are read only where neither is to be recreated.
func undeclaredPrivileges(ctx context.Context, s *stack.Stack, step stack.Step, deployed outputs.Stack, found []report.Change) ([]report.Change, error) {
	if slices.ContainsFunc(found, func(c report.Change) bool {
		return c.Resource == "postgres-container" || c.Resource == "mlflow-container"
	}) {
		return nil, nil
	}
	step.Say("reading who has which power inside MLflow and Postgres")
	seen, err := privilege.Read(ctx, deployed, s.Docker)
	if err != nil {
		return nil, err
	}
	var all []report.Change
	for _, u := range (privilege.Declared{Stack: deployed, Rules: s.Config.Rules()}).Judge(seen) {
		all = append(all, report.Change{Resource: u.Resource, Kind: u.Kind, Outcome: report.Unmanaged, Why: u.Got + "; " + u.Next})
	}
	return all, nil
}

// unmanagedOnHost are containers, networks and volumes that carry the deployment's name,
// containers that are on its networks, and networks that its containers are on,
// none of which the state knows.
func unmanagedOnHost(ctx context.Context, s *stack.Stack, known *stack.State) ([]report.Change, error) {
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
	volumes, err := api.VolumeList(ctx, volume.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	own := map[string]bool{}
	for _, n := range networks {
		if known.Has(stack.TypeNetwork, n.ID) {
			own[n.Name] = true
		}
	}
	for _, c := range all {
		name := engine.ContainerName(c)
		ours := known.Has(stack.TypeContainer, c.ID)
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
		if !ours && labelled(s, c.Labels) {
			add("container", name, "carries this deployment's name; `mlflow-sso up` removes it")
		}
	}
	for _, n := range networks {
		if labelled(s, n.Labels) && !known.Has(stack.TypeNetwork, n.ID) {
			add("network", n.Name, "carries this deployment's name; `mlflow-sso up` removes it")
		}
	}
	for _, v := range volumes.Volumes {
		if !known.Has(stack.TypeVolume, v.Name) && !slices.Contains(external.ReplacedVolumes(s.Config), v.Name) {
			add("volume", v.Name, "carries this deployment's name; `docker volume rm "+v.Name+"` if nobody needs it")
		}
	}
	slices.SortFunc(found, func(a, b report.Change) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

// labelled says whether labels carry the deployment's name.
func labelled(s *stack.Stack, labels map[string]string) bool {
	return s.OwnFilter().MatchKVList("label", labels)
}

// managed is what the settings add to the realm.
func managed(s *stack.Stack) realmbaseline.Managed {
	made := realmbaseline.Managed{
		Administrators: append(s.Config.UsersInGroup(realm.AdminGroup), s.Config.Realm.Administrators...),
		Groups:         s.Config.Realm.Groups,
		ConfirmsEmail:  s.Config.ConfirmsEmail(),
	}
	for _, p := range s.Config.IdentityProviders {
		if slices.Contains(slices.Collect(maps.Values(p.Groups)), realm.AdminGroup) {
			made.Appointing = append(made.Appointing, p.Alias)
		}
		if p.LDAP != nil {
			made.Directories = append(made.Directories, p.Alias)
			continue
		}
		made.Flows = []string{identityprovider.FirstLogin}
		made.Providers = append(made.Providers, p.Alias)
		made.Mappers = append(made.Mappers, identityprovider.MapperNames(p.Alias, p.SAML != nil, p.Groups)...)
	}
	return made
}
