// Package permissions manages MLflow's service accounts and access rules.
//
// MLflow's plugin stores both in its database, behind an API for administrators. The
// access admin is one: a Keycloak client whose service account is identified by its unique
// `sub`. It acts only inside MLflow's container (package accessclient of the tool),
// through the Pulumi provider in the tool (package provider). So an access rule is a
// resource like any other: a preview shows it, a refresh finds manual changes, and a rule
// that is removed from the settings is deleted.
//
// Rules whose order matters have a priority that is computed from their pattern: if two
// patterns match the same name, the narrower one applies.
package permissions

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// The types in the state. Those of resources are the plugin's own.
const (
	TypeToken       = "mlflow-sso:permissions:Permissions"
	formerTypeToken = "mlflow-sso:access:Access"

	AccessAdminType    = "mlflow-sso:permissions:AccessAdmin"
	ServiceAccountType = "mlflow-sso:permissions:ServiceAccount"
	GrantType          = "mlflow-sso:permissions:Grant"
)

// formerTypes are the types in the state of stacks from an earlier version.
var formerTypes = map[string]string{
	AccessAdminType:    "mlflow-sso:access:Steward",
	ServiceAccountType: "mlflow-sso:access:ServiceAccount",
	GrantType:          "mlflow-sso:access:Grant",
}

// Args are the arguments of MLflow's service accounts and rules.
type Args struct {
	// MLflow is the server.
	MLflow *mlflow.Server
	// AccessAdmin is the client that manages access for the program.
	AccessAdmin realm.ServiceAccountClient
	// Accounts are the service accounts.
	Accounts []realm.ServiceAccountClient
	// Rules are the grants. No two have the same key.
	Rules []accessrule.Rule
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.MLflow != nil, "MLflow is missing, want the server")
	m.Require(a.AccessAdmin.Name != "", "AccessAdmin is missing, want a client")
	seen := map[string]bool{}
	for _, r := range a.Rules {
		m.Require(!seen[r.Key()], "Rules has %q twice, want it once", r.Key())
		seen[r.Key()] = true
	}
	return m.Err()
}

// Access is the service accounts and rules in MLflow.
type Access struct {
	pulumi.ResourceState
}

type (
	plugin   struct{ pulumi.ProviderResourceState }
	resource struct{ pulumi.CustomResourceState }
)

// New creates them. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Access, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("access %q: %w", name, err)
	}
	a := &Access{}
	if err := ctx.RegisterComponentResource(TypeToken, name, a, append(opts, childopts.FormerType(formerTypeToken))...); err != nil {
		return nil, fmt.Errorf("access %q: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, component: a}
	for _, step := range []func() error{b.connect, b.bind, b.accounts, b.grants} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("access %q: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(a, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("access %q: %w", name, err)
	}
	return a, nil
}

// builder creates the children in order.
type builder struct {
	ctx       *pulumi.Context
	name      string
	args      *Args
	component *Access

	plugin      *plugin
	accessAdmin *resource
	// known are the accounts by name.
	known map[string]pulumi.IDOutput
}

func (b *builder) connect() error {
	b.plugin = &plugin{}
	err := b.ctx.RegisterResource(pulumiplugin.ProviderType, b.name+"-mlflow", pulumi.Map{
		// Do not depend on the created container: Pulumi creates a provider in partial updates,
		// too, such as the first one of a restore.
		"container":    pulumi.String(b.args.MLflow.Name),
		"clientId":     pulumi.String(b.args.AccessAdmin.Name),
		"clientSecret": pulumi.ToSecret(b.args.AccessAdmin.Secret),
	}, b.plugin, childopts.Options(b.component, pulumi.Version(pulumiplugin.Version))...)
	if err != nil {
		return fmt.Errorf("plugin: %w", err)
	}
	return nil
}

// make registers a resource of the plugin. Objects in MLflow are deleted with its server:
// destroying a stack makes no requests to it, and the database stays if its volume is kept.
func (b *builder) make(token, name string, inputs pulumi.Map) (*resource, error) {
	made := &resource{}
	err := b.ctx.RegisterResource(token, b.name+"-"+name, inputs, made, childopts.Options(b.component,
		childopts.FormerType(formerTypes[token]), pulumi.Provider(b.plugin), pulumi.Version(pulumiplugin.Version), pulumi.DeletedWith(b.args.MLflow.Ready),
		pulumi.DependsOn([]pulumi.Resource{b.args.MLflow.Ready}))...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return made, nil
}

func (b *builder) bind() (err error) {
	b.accessAdmin, err = b.make(AccessAdminType, "steward", pulumi.Map{"subject": b.args.AccessAdmin.Subject})
	return err
}

func (b *builder) accounts() error {
	b.known = map[string]pulumi.IDOutput{}
	for _, account := range b.args.Accounts {
		made, err := b.make(ServiceAccountType, "account-"+account.Name, pulumi.Map{
			"username":    pulumi.String(account.Username),
			"subject":     account.Subject,
			"admin":       pulumi.Bool(account.Admin),
			"displayName": pulumi.String(account.Name),
			"by":          b.accessAdmin.ID(),
		})
		if err != nil {
			return err
		}
		b.known[account.Username] = made.ID()
	}
	return nil
}

func (b *builder) grants() error {
	for _, r := range b.args.Rules {
		var who pulumi.Input = pulumi.String(r.Name)
		if made, ok := b.known[r.Name]; ok && r.Who == accessrule.ServiceAccount {
			who = made // once the account exists in MLflow
		}
		_, err := b.make(GrantType, "grant-"+strings.ReplaceAll(r.Key(), "/", "-"), pulumi.Map{
			string(r.Who): who,
			"by":          b.accessAdmin.ID(),
			"kind":        pulumi.String(string(r.Kind)),
			"pattern":     pulumi.String(string(r.Pattern)),
			"permission":  pulumi.String(r.Permission),
			"future":      pulumi.Bool(r.Future),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
