// Package users manages the users of the stack file: each is a user of the realm, in
// exactly the groups that the stack file lists.
//
// It sets no passwords. Users set their own through an invitation, and no update changes
// it. A user who is removed from the stack file is deleted from Keycloak; other users are
// ignored.
package users

import (
	"fmt"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:users:Users"

// formerTypeToken is the type in the state of stacks from an earlier version.
const formerTypeToken = "mlflow-sso:people:People"

// User is a user of the stack file.
type User struct {
	// Username is in lower case, and cannot change.
	Username string
	// Email is the address that identifies the user in MLflow.
	Email string
	// FirstName and LastName may be empty.
	FirstName, LastName string
	// Groups are the names of all groups of the user.
	Groups []string
	// Enabled says whether the user may log in.
	Enabled bool
}

// Args are the arguments of the users.
type Args struct {
	// Realm is the realm of the users.
	Realm realm.Resources
	// Users are all listed users.
	Users []User
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(!a.Realm.IsZero(), "Realm is missing, want the realm of the users")
	for _, p := range a.Users {
		m.Require(p.Username != "" && p.Email != "", "People has %q with the address %q, want both", p.Username, p.Email)
		for _, group := range p.Groups {
			_, known := a.Realm.Groups[group]
			m.Require(known, "People has %q in group %q, want groups of the realm", p.Username, group)
		}
	}
	return m.Err()
}

// Users are the listed users.
type Users struct{ pulumi.ResourceState }

// New creates the users. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Users, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("users %q: %w", name, err)
	}
	p := &Users{}
	if err := ctx.RegisterComponentResource(TypeToken, name, p, append(opts, childopts.FormerType(formerTypeToken))...); err != nil {
		return nil, fmt.Errorf("users %q: %w", name, err)
	}
	for _, who := range args.Users {
		if err := p.user(ctx, name, args.Realm, who); err != nil {
			return nil, fmt.Errorf("users %q: %s: %w", name, who.Username, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(p, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("users %q: %w", name, err)
	}
	return p, nil
}

func (p *Users) user(ctx *pulumi.Context, name string, in realm.Resources, who User) error {
	made, err := keycloak.NewUser(ctx, name+"-"+who.Username, &keycloak.UserArgs{
		RealmId:       in.RealmID,
		Username:      pulumi.String(who.Username),
		Email:         pulumi.String(who.Email),
		EmailVerified: pulumi.Bool(true), // listed by the operator, so it counts as verified
		FirstName:     pulumi.String(who.FirstName),
		LastName:      pulumi.String(who.LastName),
		Enabled:       pulumi.Bool(who.Enabled),
	}, in.Options(p,
		// Required actions and linked identities are between Keycloak and the user: an update
		// would ask for a password again, or unlink an identity.
		pulumi.IgnoreChanges([]string{"requiredActions", "federatedIdentities"}))...)
	if err != nil {
		return err
	}
	groups := pulumi.StringArray{}
	for _, group := range who.Groups {
		groups = append(groups, in.Groups[group])
	}
	// Deleting a user ends their memberships, too.
	_, err = keycloak.NewUserGroups(ctx, name+"-"+who.Username+"-groups", &keycloak.UserGroupsArgs{
		RealmId:    in.RealmID,
		UserId:     made.ID(),
		GroupIds:   groups,
		Exhaustive: pulumi.Bool(true),
	}, in.Options(p, pulumi.DeletedWith(made))...)
	return err
}
