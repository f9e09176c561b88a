package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identitysync"
)

func (p *Platform) makeKeeper(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	p.keeper, err = identitysync.New(ctx, "keeper", &identitysync.Args{
		Deployment: p.config.Name,
		Image:      p.images["mlflow"],
		Edge:       p.network.Edge,
		Data:       p.dataNetwork(p.databases[authDatabase].Managed()),
		MemoryMB:   p.config.Keeper.MemoryMB,
		Restart:    p.config.RestartPolicy,
		Follow:     p.config.Keeper.Follow,
		Prune:      p.config.Keeper.Prune,
		Auth:       p.databases[authDatabase],
		OIDC:       p.realm.Client,
		Watcher:    p.realm.Watcher,
		MLflow:     p.mlflow,
	}, opts...)
	return err
}
