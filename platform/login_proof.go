package platform

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/pluginprovider"
)

// makePlugin registers the provider of resources that need no login.
func (p *Platform) makePlugin(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (err error) {
	p.plugin, err = pluginprovider.New(ctx, p.name+"-plugin", opts...)
	return err
}

// makeLoginProof is the last step: the proof depends on everything else.
func (p *Platform) makeLoginProof(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	if p.config.Proof == loginproof.Never {
		return nil
	}
	_, err := loginproof.New(ctx, p.name+"-login-proof", &loginproof.Args{
		Provider: p.plugin, Mode: p.config.Proof, Outputs: p.outputs(), Triggers: p.registered.digests(),
	}, append(opts, pulumi.DeletedWith(p.keycloak.Admin.Server))...)
	return err
}

// registrations records the resources of a platform by the child that they belong to. It records
// every registration, so it also covers what later versions add.
type registrations struct {
	whole pulumi.Resource
	// part returns the name of the child that a resource is, or belongs to.
	part map[pulumi.Resource]string
	// made are the resources that are not components, by part, type and name.
	made map[string]map[string]registration
}

// registration is one resource. Its ID resolves only after note has run.
type registration struct {
	resource pulumi.CustomResource
	inputs   pulumi.Input
}

func newRegistrations(whole pulumi.Resource) *registrations {
	return &registrations{whole: whole, part: map[pulumi.Resource]string{}, made: map[string]map[string]registration{}}
}

// option makes Pulumi call note for the platform and all of its resources.
func (r *registrations) option() pulumi.ResourceOption {
	return pulumi.Transformations([]pulumi.ResourceTransformation{r.note})
}

// note records a resource and changes nothing.
func (r *registrations) note(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	if args.Resource == r.whole {
		return nil
	}
	part := args.Name
	if options, err := pulumi.NewResourceOptions(args.Opts...); err == nil && r.part[options.Parent] != "" {
		part = r.part[options.Parent]
	}
	r.part[args.Resource] = part
	made, ok := args.Resource.(pulumi.CustomResource)
	if !ok {
		return nil
	}
	if r.made[part] == nil {
		r.made[part] = map[string]registration{}
	}
	r.made[part][args.Type+" "+args.Name] = registration{made, args.Props}
	return nil
}

// digests returns a digest of each part's resources: it changes when one of them is created,
// changed, replaced or removed. It includes IDs, since a container that was removed manually is
// recreated with the same inputs.
func (r *registrations) digests() pulumi.StringMap {
	all := pulumi.StringMap{}
	for part, made := range r.made {
		whole := pulumi.Map{}
		for name, one := range made {
			whole[name] = pulumi.Map{"id": one.resource.ID(), "inputs": one.inputs}
		}
		all[part] = pulumi.JSONMarshal(whole).ApplyT(func(text string) string {
			sum := sha256.Sum256([]byte(text))
			return hex.EncodeToString(sum[:16])
		}).(pulumi.StringOutput)
	}
	return all
}
