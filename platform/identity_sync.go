package platform

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/identitysync"
)

func (p *Platform) makeIdentitySync(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	name, opts := p.child("keeper", opts)
	p.identitySync, err = identitysync.New(ctx, name, &identitysync.Args{
		Deployment:    p.config.Name,
		Image:         p.images["mlflow"],
		Edge:          p.network.Edge,
		Data:          p.dataNetwork(p.databases[authDatabase].Managed()),
		MemoryMB:      p.config.IdentitySync.MemoryMB,
		Restart:       p.config.RestartPolicy,
		Interval:      p.config.IdentitySync.Interval,
		PruneInterval: p.config.IdentitySync.PruneInterval,
		Auth:          p.databases[authDatabase],
		OIDC:          p.realm.Client,
		SyncClient:    p.realm.SyncClient,
		MLflow:        p.mlflow,
	}, opts...)
	return err
}
