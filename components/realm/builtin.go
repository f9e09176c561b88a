package realm

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

// ownOpts are childOpts for resources of the project's own provider.
func (b *builder) ownOpts(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return childopts.Options(b.component, append(extra, pulumi.Provider(b.own), pulumi.DeletedWith(b.args.Admin.Server))...)
}

// ownProvider creates the project's own provider and the secret of the program's service account.
// The secret precedes everything else in Keycloak, since all of that logs in with it. The two
// providers do not depend on its output: Pulumi creates providers also in a partial update that
// excludes Keycloak.
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

// adminRealm configures realm master before any other realm exists: a change of its address ends
// the sessions of the providers.
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

// builtin configures what Keycloak creates in the realm: clients for administrators of this
// realm, which has none, and the one role of the identity sync.
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
