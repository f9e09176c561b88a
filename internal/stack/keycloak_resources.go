package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// ForgetKeycloakResources removes objects inside Keycloak from the state before a removal. They
// live in its database, and the next update finds them again; refreshing them one by one would
// need a running Keycloak, which a broken stack does not have.
func (s *Stack) ForgetKeycloakResources(ctx context.Context, known *State) error {
	if !slices.ContainsFunc(known.snapshot.Resources, func(r apitype.ResourceV3) bool { return isInside(string(r.Type)) }) {
		return nil
	}
	read, err := s.ReadState(ctx) // known may have been repaired meanwhile
	if err != nil {
		return err
	}
	return s.WriteState(ctx, read, "change of the state", withoutInside)
}

// ForgetDatabaseResources removes the databases' content from the state: they are new, and the
// next update recreates all of it.
func (s *Stack) ForgetDatabaseResources(ctx context.Context) error {
	read, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	return s.WriteState(ctx, read, "change of the state", func(deployment json.RawMessage) (json.RawMessage, error) {
		return without(deployment, isInDatabase)
	})
}

// isInDatabase reports whether a resource is in Keycloak's or MLflow's database, or is the login
// to Keycloak. Resources of this project's own provider are.
func isInDatabase(r Member) bool {
	kind := TextOf(r["type"])
	return isInside(kind) || strings.HasPrefix(kind, "mlflow-sso:") && string(r["custom"]) == "true"
}

// isInside reports whether a type of resource exists only inside Keycloak, or is the login to it.
func isInside(kind string) bool {
	return strings.HasPrefix(kind, "keycloak:") || strings.HasPrefix(kind, "mlflow-sso:identity:") || kind == "pulumi:providers:keycloak"
}

func withoutInside(deployment json.RawMessage) (json.RawMessage, error) {
	return without(deployment, func(r Member) bool { return isInside(TextOf(r["type"])) })
}

// without removes resources, and the others' dependencies on them.
func without(deployment json.RawMessage, forget func(Member) bool) (json.RawMessage, error) {
	return WithResources(deployment, func(all []Member) ([]Member, error) {
		gone := map[string]bool{}
		var rest []Member
		for _, r := range all {
			if forget(r) {
				gone[TextOf(r["urn"])] = true
			} else {
				rest = append(rest, r)
			}
		}
		for _, r := range rest {
			if err := independent(r, gone); err != nil {
				return nil, fmt.Errorf("%s: %w", TextOf(r["urn"]), err)
			}
		}
		return rest, nil
	})
}

// independent removes a resource's references to removed resources.
func independent(r Member, gone map[string]bool) error {
	isGone := func(urn string) bool { return gone[urn] }
	if encoded, has := r["dependencies"]; has {
		var urns []string
		if err := json.Unmarshal(encoded, &urns); err != nil {
			return err
		}
		var err error
		if r["dependencies"], err = json.Marshal(slices.DeleteFunc(urns, isGone)); err != nil {
			return err
		}
	}
	if encoded, has := r["propertyDependencies"]; has {
		var urns map[string][]string
		if err := json.Unmarshal(encoded, &urns); err != nil {
			return err
		}
		for property := range urns {
			urns[property] = slices.DeleteFunc(urns[property], isGone)
		}
		var err error
		if r["propertyDependencies"], err = json.Marshal(urns); err != nil {
			return err
		}
	}
	if gone[TextOf(r["deletedWith"])] {
		delete(r, "deletedWith")
	}
	return nil
}
