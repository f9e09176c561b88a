// Package unmanaged finds objects in a stack's realm, or around the stack on the host, that the
// stack did not create: Pulumi compares only what it created.
package unmanaged

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/components/identityprovider"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/drift"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// InRealm returns the differences between the realm and a fresh one with the stack's additions.
func InRealm(ctx context.Context, s *stack.Stack, step stack.Step) ([]check.Finding, error) {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("checking all of realm %s", deployed.Realm.Name)
	realm, err := realmbaseline.Open(ctx, deployed, managed(s))
	if err != nil {
		return nil, err
	}
	return realm.Differences(ctx)
}

// Privileges returns accounts and rules with privileges inside MLflow and Postgres that no
// setting declares.
func Privileges(ctx context.Context, s *stack.Stack, step stack.Step) ([]check.Finding, error) {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("reading privileges inside MLflow and Postgres")
	seen, err := privilege.Read(ctx, deployed, s.Docker)
	if err != nil {
		return nil, err
	}
	var found []check.Finding
	for _, u := range (privilege.Declared{Stack: deployed, Rules: s.Config.Rules()}).Judge(seen) {
		found = append(found, check.Finding{
			ID: check.ID(u.ID), Component: componentOf(u.ID), Cause: u.Resource, Summary: u.Resource + ": " + check.Unmanaged,
			Got: u.Got, Wanted: "nothing that the settings do not declare", Next: u.Got + "; " + u.Next, Fix: u.Command,
		})
	}
	return found, nil
}

// componentOf returns the component of a privilege.
func componentOf(id string) check.Component {
	switch id {
	case privilege.PostgresRole:
		return check.Postgres
	case privilege.NestedGroup:
		return check.Realm
	}
	return check.MLflow
}

// OnHost returns containers, networks and volumes with the deployment's name, containers on its
// networks, and networks of its containers that are not in the state.
func OnHost(ctx context.Context, s *stack.Stack) ([]check.Finding, error) {
	known, err := s.ReadState(ctx)
	if err != nil {
		return nil, err
	}
	api := s.Docker.API()
	var found []check.Finding
	add := func(id check.ID, kind, name, got, fix, next string) {
		resource := kind + " " + name
		found = append(found, check.Finding{
			ID: id, Component: check.Host, Cause: resource, Summary: resource + ": " + check.Unmanaged, Got: got, Wanted: "only what the state has", Fix: fix, Next: next,
		})
	}
	const labels = "carries this deployment's name"
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
					fix := fmt.Sprintf("docker network disconnect -f %s %s", on, name)
					add(drift.ContainerUnmanaged, "container", name, "is on network "+on, fix, fmt.Sprintf("is on network %s; `%s` takes it off", on, fix))
				case ours && !own[on]:
					fix := fmt.Sprintf("docker network disconnect %s %s", on, name)
					add(drift.NetworkUnmanaged, "network", on, "has container "+name, fix, fmt.Sprintf("has container %s; `%s` takes it off", name, fix))
				}
			}
		}
		if !ours && labelled(s, c.Labels) {
			add(drift.ContainerUnmanaged, "container", name, labels, check.UpCommand, labels+"; `mlflow-sso up` removes it")
		}
	}
	for _, n := range networks {
		if labelled(s, n.Labels) && !known.Has(stack.TypeNetwork, n.ID) {
			add(drift.NetworkUnmanaged, "network", n.Name, labels, check.UpCommand, labels+"; `mlflow-sso up` removes it")
		}
	}
	for _, v := range volumes.Volumes {
		if !known.Has(stack.TypeVolume, v.Name) && !slices.Contains(external.ReplacedVolumes(s.Config), v.Name) {
			fix := "docker volume rm " + v.Name
			add(drift.VolumeUnmanaged, "volume", v.Name, labels, fix, labels+"; `"+fix+"` if no one needs it")
		}
	}
	slices.SortFunc(found, func(a, b check.Finding) int {
		return cmp.Or(cmp.Compare(a.Summary, b.Summary), cmp.Compare(a.Next, b.Next))
	})
	return found, nil
}

// labelled reports whether labels contain the deployment's name.
func labelled(s *stack.Stack, labels map[string]string) bool {
	return s.OwnFilter().MatchKVList("label", labels)
}

// managed returns the settings' additions to the realm.
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
