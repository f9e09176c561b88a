package realmusers

import (
	"context"
	"maps"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/groupmembers"
)

// MemberUnlisted is the ID of a finding of drift.
const MemberUnlisted check.ID = "member-unlisted"

// Unlisted returns the members of managed groups whom the settings do not list; groups has the
// listed ones. The stack's outputs list demo users.
func (r *Realm) Unlisted(ctx context.Context, groups map[string][]string) ([]check.Finding, error) {
	var found []check.Finding
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		listed := slices.Clone(groups[name])
		for _, user := range r.stack.DemoUsers {
			if user.Group == name {
				listed = append(listed, user.Username)
			}
		}
		// Pulumi reports a missing group.
		unlisted, _, err := groupmembers.Group{Realm: r.stack.Realm.Name, Name: name}.Unlisted(ctx, r.api, listed)
		if err != nil {
			return nil, r.failed("compare group "+name, err)
		}
		for _, m := range unlisted {
			found = append(found, check.Finding{
				ID: MemberUnlisted, Component: check.Realm, Cause: m.String(), Summary: m.String() + ": " + check.Unmanaged,
				Got: "a member", Wanted: "only users that the settings list", Fix: check.UpCommand,
				Next: "the settings do not name them, and the group is exclusive; `mlflow-sso up` takes them out",
			})
		}
	}
	return found, nil
}
