package realm

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

// ownOpts are childOpts for what the project's own provider makes.
func (b *builder) ownOpts(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return childopts.Options(b.component, append(extra, pulumi.Provider(b.own), pulumi.DeletedWith(b.args.Admin.Server))...)
}

// ownProvider makes the project's own provider and, with it, the secret of the program's service
// account. The secret comes before everything else in Keycloak, since all of that logs in with it.
// The two providers are not made of its output: Pulumi makes providers also in an update of a part
// of the stack that leaves Keycloak out.
func (b *builder) ownProvider() (err error) {
	b.own, err = identity.NewProvider(b.ctx, b.name+"-own", &identity.ProviderArgs{
		URL: b.args.Admin.URL, ClientID: b.args.Admin.ClientID, Secret: b.args.Admin.Secret,
	}, childopts.Options(b.component)...)
	if err != nil {
		return err
	}
	b.secret, err = identity.NewClientSecret(b.ctx, b.name+"-provider-secret", &identity.ClientSecretArgs{
		ClientID: b.args.Admin.ClientID, Secret: b.args.Admin.Secret, Previous: b.args.PreviousAdminSecrets,
		Version: b.args.AdminSecretVersion, Ready: b.args.Admin.Ready,
	}, b.ownOpts()...)
	return err
}

// adminRealm makes realm master what it has to be before there is any other realm: a new
// address of it ends the sessions of those who are making something.
func (b *builder) adminRealm() (err error) {
	args := &identity.AdminRealmArgs{EventsExpiration: b.args.EventsExpiration, FrontendURL: b.args.AdminFrontend}
	permanent := b.args.PermanentAdmin
	if permanent.Username != "" {
		args.AdminPassword = permanent.Password
	}
	b.master, err = identity.NewAdminRealm(b.ctx, b.name+"-master", args, b.ownOpts(pulumi.DependsOn([]pulumi.Resource{b.args.Admin.Ready, b.secret.Ready}))...)
	if err != nil || permanent.Username == "" {
		return err
	}
	_, err = identity.NewPassword(b.ctx, b.name+"-password-"+permanent.Username, &identity.PasswordArgs{
		Realm: b.master.ID(), Username: pulumi.String(permanent.Username), Password: permanent.Password, Version: b.args.PermanentAdminEdition,
	}, b.ownOpts()...)
	return err
}

// builtin sets what Keycloak has created in the realm by itself: clients for administrators
// of this realm, of whom there are none, and the one role of the identity sync.
func (b *builder) builtin() error {
	for _, client := range identity.AdminClients() {
		_, err := identity.NewBuiltinClient(b.ctx, b.name+"-client-"+client, &identity.BuiltinClientArgs{
			Realm: b.made.Realm, ClientID: client, Enabled: false,
		}, b.ownOpts()...)
		if err != nil {
			return err
		}
	}
	_, err := identity.NewClientRoles(b.ctx, b.name+"-sync-roles", &identity.ClientRolesArgs{
		Realm: b.made.Realm, Account: b.syncMade.ClientId, Subject: b.syncMade.ServiceAccountUserId,
		Owner: identity.RealmManagement, Roles: []string{identity.ViewUsers},
	}, b.ownOpts()...)
	if err != nil {
		return fmt.Errorf("identity sync: %w", err)
	}
	return nil
}
