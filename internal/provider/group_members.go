package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/groupmembers"
)

// groupCallTimeout limits one call about a group, which may have many members.
const groupCallTimeout = 45 * time.Second

// groupMembers are groups with only listed members and service accounts.
type groupMembers struct{}

var _ kind = groupMembers{}

func (groupMembers) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	failures := required(inputs, "realm", "group")
	if !plain(inputs["members"]).IsArray() {
		failures = append(failures, plugin.CheckFailure{Property: "members", Reason: "is missing, want a list of user names"})
	}
	if len(texts(inputs, identity.UnlistedMembers)) > 0 {
		failures = append(failures, plugin.CheckFailure{Property: identity.UnlistedMembers, Reason: "names users, want none: a refresh reports unlisted members there"})
	}
	return inputs, failures
}

func (groupMembers) identity(inputs resource.PropertyMap) string {
	return text(inputs, "realm") + "/" + text(inputs, "group")
}

func (groupMembers) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{"members", identity.UnlistedMembers}
}

func (groupMembers) needs() need { return keycloakAdmin }

func (groupMembers) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	api, err := admin.Open(ctx, *at.keycloak, groupCallTimeout)
	if err != nil {
		return nil, ofGroup(at, c.inputs, fmt.Errorf("log in: %w", err))
	}
	gone, err := groupOf(c.inputs).Remove(ctx, api, texts(c.inputs, "members"))
	for _, m := range gone {
		at.say(m.String() + " taken out, the group is exclusive")
	}
	if err != nil {
		return nil, ofGroup(at, c.inputs, err)
	}
	return c.inputs, nil
}

// read reports members whom an administrator has added.
func (groupMembers) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	api, err := admin.Open(ctx, *at.keycloak, groupCallTimeout)
	if err != nil {
		return nil, ofGroup(at, known.inputs, fmt.Errorf("log in: %w", err))
	}
	found, exists, err := groupOf(known.inputs).Unlisted(ctx, api, texts(known.inputs, "members"))
	if err != nil {
		return nil, ofGroup(at, known.inputs, err)
	}
	if !exists {
		return nil, nil
	}
	names := make([]string, 0, len(found))
	for _, m := range found {
		names = append(names, m.Username)
	}
	now := known.inputs.Copy()
	now[identity.UnlistedMembers] = property(names)
	return same(now), nil
}

func groupOf(inputs resource.PropertyMap) groupmembers.Group {
	return groupmembers.Group{Realm: text(inputs, "realm"), Name: text(inputs, "group")}
}

// ofGroup adds the group to an error.
func ofGroup(at target, inputs resource.PropertyMap, err error) error {
	return fmt.Errorf("group %s of realm %s in Keycloak at %s: %w", text(inputs, "group"), text(inputs, "realm"), at.keycloak.AdminURL, err)
}
