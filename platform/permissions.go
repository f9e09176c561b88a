package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
)

// needsSteward says whether the settings want something of MLflow that only an
// administrator there can do.
func (p *Platform) needsSteward() bool {
	return len(p.config.ServiceAccounts) > 0 || len(p.config.Access) > 0
}

func (p *Platform) stewardSecret() pulumi.StringInput {
	if !p.needsSteward() {
		return nil
	}
	return p.credentials.Password(credentials.StewardClient)
}

func (p *Platform) makeAccess(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if !p.needsSteward() {
		return nil
	}
	_, err := permissions.New(ctx, "access", &permissions.Args{
		MLflow: p.mlflow, Steward: p.realm.Steward, Accounts: p.realm.Machines, Rules: p.config.Rules(),
	}, opts...)
	return err
}

// stewardOutputs are empty where there is none.
func (p *Platform) stewardOutputs() pulumi.Map {
	if !p.needsSteward() {
		return pulumi.Map{"id": pulumi.String(""), "secret": pulumi.ToSecret(pulumi.String(""))}
	}
	return pulumi.Map{"id": pulumi.String(p.realm.Steward.Name), "secret": pulumi.ToSecret(p.realm.Steward.Secret)}
}
