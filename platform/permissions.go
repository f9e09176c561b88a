package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
)

// needsAccessAdmin reports whether the settings need an administrator in MLflow.
func (p *Platform) needsAccessAdmin() bool {
	return len(p.config.ServiceAccounts) > 0 || len(p.config.Access) > 0
}

func (p *Platform) accessAdminSecret() pulumi.StringInput {
	if !p.needsAccessAdmin() {
		return nil
	}
	return p.credentials.Password(credentials.AccessAdminClient)
}

func (p *Platform) makePermissions(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if !p.needsAccessAdmin() {
		return nil
	}
	name, opts := p.child("access", opts)
	_, err := permissions.New(ctx, name, &permissions.Args{
		MLflow: p.mlflow, AccessAdmin: p.realm.AccessAdmin, Accounts: p.realm.ServiceAccounts, Rules: p.config.Rules(),
	}, opts...)
	return err
}

// accessAdminOutputs returns nothing without an access admin.
func (p *Platform) accessAdminOutputs() pulumi.Map {
	if !p.needsAccessAdmin() {
		return pulumi.Map{"id": pulumi.String(""), "secret": pulumi.ToSecret(pulumi.String(""))}
	}
	return pulumi.Map{"id": pulumi.String(p.realm.AccessAdmin.Name), "secret": pulumi.ToSecret(p.realm.AccessAdmin.Secret)}
}
