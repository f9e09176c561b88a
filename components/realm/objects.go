package realm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak"
	"github.com/pulumi/pulumi-keycloak/sdk/v6/go/keycloak/openid"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

// profile lets only administrators set a user's name and address.
func (b *builder) profile() error {
	attribute := func(name, display string, edits []string, required []string, validators ...keycloak.RealmUserProfileAttributeValidatorInput) keycloak.RealmUserProfileAttributeArgs {
		return keycloak.RealmUserProfileAttributeArgs{
			Name:             pulumi.String(name),
			DisplayName:      pulumi.String("${" + display + "}"), // Keycloak's own, translated texts
			RequiredForRoles: pulumi.ToStringArray(required),
			Permissions: &keycloak.RealmUserProfileAttributePermissionsArgs{
				Views: pulumi.ToStringArray([]string{"admin", "user"}),
				Edits: pulumi.ToStringArray(edits),
			},
			Validators: keycloak.RealmUserProfileAttributeValidatorArray(validators),
		}
	}
	validator := func(name string, config map[string]string) keycloak.RealmUserProfileAttributeValidatorArgs {
		return keycloak.RealmUserProfileAttributeValidatorArgs{Name: pulumi.String(name), Config: pulumi.ToStringMap(config)}
	}
	admin, everyone := []string{"admin"}, []string{"admin", "user"}
	_, err := keycloak.NewRealmUserProfile(b.ctx, b.name+"-profile", &keycloak.RealmUserProfileArgs{
		RealmId: b.made.ID(),
		Attributes: keycloak.RealmUserProfileAttributeArray{
			attribute("username", "username", admin, nil,
				validator("length", map[string]string{"min": "3", "max": "255"}),
				validator("username-prohibited-characters", nil), validator("up-username-not-idn-homograph", nil)),
			attribute("email", "email", admin, everyone,
				validator("email", nil), validator("length", map[string]string{"max": "255"})),
			attribute("firstName", "firstName", everyone, nil,
				validator("length", map[string]string{"max": "255"}), validator("person-name-prohibited-characters", nil)),
			attribute("lastName", "lastName", everyone, nil,
				validator("length", map[string]string{"max": "255"}), validator("person-name-prohibited-characters", nil)),
		},
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("user profile: %w", err)
	}
	return nil
}

func (b *builder) client() error {
	lifespan := int(b.args.AccessTokenLifespan.Seconds())
	made, err := openid.NewClient(b.ctx, b.name+"-client", &openid.ClientArgs{
		RealmId:      b.made.ID(),
		ClientId:     pulumi.String(b.component.Client.ID),
		Name:         pulumi.String("MLflow"),
		Enabled:      pulumi.Bool(true),
		AccessType:   pulumi.String("CONFIDENTIAL"),
		ClientSecret: b.component.Client.Secret,

		StandardFlowEnabled:       pulumi.Bool(true),
		ImplicitFlowEnabled:       pulumi.Bool(false),
		DirectAccessGrantsEnabled: pulumi.Bool(false),
		ServiceAccountsEnabled:    pulumi.Bool(false),
		FullScopeAllowed:          pulumi.Bool(false), // MLflow reads groups, not roles
		PkceCodeChallengeMethod:   pulumi.String("S256"),

		ValidRedirectUris:           pulumi.ToStringArray([]string{b.component.Client.RedirectURI}),
		ValidPostLogoutRedirectUris: pulumi.ToStringArray([]string{b.args.Application.URL(b.args.LogoutPath)}),
		WebOrigins:                  pulumi.ToStringArray([]string{b.args.Application.String()}),
		BaseUrl:                     pulumi.String(b.args.Application.String()),

		AccessTokenLifespan: pulumi.String(strconv.Itoa(lifespan)),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	b.openid = made
	return nil
}

// syncClient creates a client for a program, which no browser can use.
func (b *builder) syncClient() error {
	made, err := openid.NewClient(b.ctx, b.name+"-watcher", &openid.ClientArgs{
		RealmId:      b.made.ID(),
		ClientId:     pulumi.String(b.component.SyncClient.ID),
		Name:         pulumi.String("The keeper, which sees who is in which group"),
		Enabled:      pulumi.Bool(true),
		AccessType:   pulumi.String("CONFIDENTIAL"),
		ClientSecret: b.component.SyncClient.Secret,

		StandardFlowEnabled:       pulumi.Bool(false),
		ImplicitFlowEnabled:       pulumi.Bool(false),
		DirectAccessGrantsEnabled: pulumi.Bool(false),
		ServiceAccountsEnabled:    pulumi.Bool(true),

		AccessTokenLifespan: pulumi.String("3600"), // logs in rarely: each login is an event
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("client %s: %w", b.component.SyncClient.ID, err)
	}
	b.syncMade = made
	return nil
}

// mappers add the claims to the tokens that MLflow checks.
func (b *builder) mappers() error {
	_, err := openid.NewGroupMembershipProtocolMapper(b.ctx, b.name+"-groups-mapper", &openid.GroupMembershipProtocolMapperArgs{
		RealmId:   b.made.ID(),
		ClientId:  b.openid.ID(),
		Name:      pulumi.String("groups"),
		ClaimName: pulumi.String(b.component.Client.GroupsClaim),
		// With the full path the claim would contain "/mlflow-users", which does not match a
		// group's name.
		FullPath:         pulumi.Bool(false),
		AddToIdToken:     pulumi.Bool(true),
		AddToAccessToken: pulumi.Bool(true),
		AddToUserinfo:    pulumi.Bool(true),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("groups mapper: %w", err)
	}
	_, err = openid.NewAudienceProtocolMapper(b.ctx, b.name+"-audience-mapper", &openid.AudienceProtocolMapperArgs{
		RealmId:                b.made.ID(),
		ClientId:               b.openid.ID(),
		Name:                   pulumi.String("audience"),
		IncludedClientAudience: pulumi.String(b.component.Client.ID),
		AddToIdToken:           pulumi.Bool(true),
		AddToAccessToken:       pulumi.Bool(true),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("audience mapper: %w", err)
	}
	return nil
}

func (b *builder) groups() error {
	b.byGroup = map[string]*keycloak.Group{}
	for _, group := range append([]string{b.component.Client.AdminGroup, b.component.Client.UserGroup}, b.args.Groups...) {
		made, err := keycloak.NewGroup(b.ctx, b.name+"-group-"+group, &keycloak.GroupArgs{
			RealmId: b.made.ID(), Name: pulumi.String(group),
		}, b.childOpts()...)
		if err != nil {
			return fmt.Errorf("group %s: %w", group, err)
		}
		b.byGroup[group] = made
	}
	return nil
}

// managedGroups removes unlisted members from groups.
func (b *builder) managedGroups() error {
	for _, group := range slices.Sorted(maps.Keys(b.args.ManagedGroups)) {
		members := slices.Clone(b.args.ManagedGroups[group])
		for _, user := range b.args.Users {
			if user.Group == group {
				members = append(members, user.Username)
			}
		}
		_, err := identity.NewGroupMembers(b.ctx, b.name+"-members-"+group, &identity.GroupMembersArgs{
			Realm: b.made.Realm, Group: b.byGroup[group].Name, Members: members,
		}, b.ownOpts()...)
		if err != nil {
			return fmt.Errorf("members of group %s: %w", group, err)
		}
	}
	return nil
}

func (b *builder) users() error {
	for _, user := range b.args.Users {
		made, err := keycloak.NewUser(b.ctx, b.name+"-user-"+user.Username, &keycloak.UserArgs{
			RealmId:       b.made.ID(),
			Username:      pulumi.String(user.Username),
			Enabled:       pulumi.Bool(true),
			Email:         pulumi.String(user.Email()),
			EmailVerified: pulumi.Bool(true),
			FirstName:     pulumi.String(user.FirstName),
			LastName:      pulumi.String(user.LastName),
			InitialPassword: &keycloak.UserInitialPasswordArgs{
				Value: pulumi.ToSecret(user.Password).(pulumi.StringOutput), Temporary: pulumi.Bool(false),
			},
		}, b.childOpts()...)
		if err != nil {
			return fmt.Errorf("user %s: %w", user.Username, err)
		}
		_, err = identity.NewPassword(b.ctx, b.name+"-password-"+user.Username, &identity.PasswordArgs{
			Realm: b.made.Realm, Username: made.Username, Password: user.Password, Version: user.Edition,
		}, b.ownOpts()...)
		if err != nil {
			return fmt.Errorf("user %s: %w", user.Username, err)
		}
		if user.Group == "" {
			continue
		}
		// Not exhaustive: groups that an administrator assigns manually stay.
		_, err = keycloak.NewUserGroups(b.ctx, b.name+"-user-"+user.Username+"-groups", &keycloak.UserGroupsArgs{
			RealmId:    b.made.ID(),
			UserId:     made.ID(),
			GroupIds:   pulumi.StringArray{b.byGroup[user.Group].ID().ToStringOutput()},
			Exhaustive: pulumi.Bool(false),
		}, b.childOpts()...)
		if err != nil {
			return fmt.Errorf("groups of user %s: %w", user.Username, err)
		}
	}
	return nil
}
