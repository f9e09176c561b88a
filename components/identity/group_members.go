package identity

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// UnlistedMembers is an input that is always empty. A refresh reports unlisted members there.
const UnlistedMembers = "unlisted"

// GroupMembersArgs list the permitted members of a group.
type GroupMembersArgs struct {
	// Realm is the realm's name, Group the group's, an output of the group, so that it exists.
	Realm, Group pulumi.StringInput
	// Members are the user names of permitted members. Service accounts are always permitted.
	Members []string
}

// Validate reports every mistake in the arguments at once.
func (a *GroupMembersArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Realm != nil, "Realm is missing, want the name of a realm")
	m.Require(a.Group != nil, "Group is missing, want the name of a group")
	m.Require(!slices.Contains(a.Members, ""), "Members has an empty name, want user names")
	return m.Err()
}

// GroupMembers is a group without unlisted members: creating or updating it removes them. It adds no
// members.
type GroupMembers struct{ pulumi.CustomResourceState }

// NewGroupMembers registers the resource. If args are invalid, nothing is registered.
func NewGroupMembers(ctx *pulumi.Context, name string, args *GroupMembersArgs, opts ...pulumi.ResourceOption) (*GroupMembers, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("group members %q: %w", name, err)
	}
	members := slices.Compact(slices.Sorted(slices.Values(args.Members)))
	g := &GroupMembers{}
	err := ctx.RegisterResource(GroupMembersType, name, pulumi.Map{
		"realm": args.Realm, "group": args.Group, "members": pulumi.ToStringArray(members), UnlistedMembers: pulumi.StringArray{},
	}, g, withVersion(opts)...)
	if err != nil {
		return nil, fmt.Errorf("group members %q: %w", name, err)
	}
	return g, nil
}
