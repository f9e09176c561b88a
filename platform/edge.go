package platform

import (
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/config"
)

// makeEdge creates the reverse proxy, if the settings enable it.
func (p *Platform) makeEdge(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	if !p.config.Edge.Enabled() {
		return nil
	}
	certificates, err := certificates(p.config)
	if err != nil {
		return err
	}
	name, opts := p.child("edge", opts)
	p.edge, err = edge.New(ctx, name, &edge.Args{
		Deployment:        p.config.Name,
		Image:             p.images["edge"],
		Network:           p.network.Edge,
		Address:           p.network.EdgeAddress,
		MemoryMB:          p.config.Edge.MemoryMB,
		Restart:           p.config.RestartPolicy,
		Listen:            p.config.Edge.Address,
		HTTPPort:          p.config.Edge.HTTPPort,
		HTTPSPort:         p.config.Edge.HTTPSPort,
		AdminPort:         p.config.Keycloak.Port,
		MLflow:            p.config.MLflow.PublicURL,
		MLflowAt:          mlflow.Internal(),
		Keycloak:          p.keycloak.Public,
		KeycloakAt:        p.keycloak.Internal,
		Admin:             p.keycloak.Admin,
		Realm:             realm.Name,
		Certificates:      certificates,
		MaxRequestMB:      p.config.Edge.MaxRequestMB,
		LoginsPerMinute:   p.config.Edge.LoginsPerMinute,
		RequestsPerSecond: p.config.Edge.RequestsPerSecond,
		Protect:           p.config.ProtectData,
	}, opts...)
	return err
}

// certificates returns the configured certificates with the content of their files.
func certificates(c *config.Config) (made edge.Certificates, err error) {
	e := c.Edge
	made = edge.Certificates{Source: e.Certificates, Directory: e.ACMEDirectory, Email: e.ACMEEmail}
	if e.Certificates == edge.Files {
		hosts := []string{c.MLflow.PublicURL.Name(), c.Keycloak.PublicURL.Name()}
		if made.Pair, err = edge.ReadKeyPair(e.CertificateFile, e.KeyFile, hosts, time.Now()); err != nil {
			return made, fmt.Errorf("certificates: %w", err)
		}
	}
	if e.Certificates == edge.ACME && e.ACMERootFile != "" {
		if made.Root, err = edge.ReadRoot(e.ACMERootFile); err != nil {
			return made, fmt.Errorf("certificates: %w", err)
		}
	}
	return made, nil
}

// edgeOutputs are empty without an edge.
func (p *Platform) edgeOutputs() pulumi.Map {
	if p.edge == nil {
		return pulumi.Map{"container": pulumi.String(""), "https": pulumi.String(""), "certificates": pulumi.String("")}
	}
	return pulumi.Map{
		"container":    p.edge.Container,
		"https":        pulumi.String(p.edge.HTTPS.String()),
		"certificates": pulumi.String(p.config.Edge.Certificates),
	}
}
