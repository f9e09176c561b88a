// Package loginproof declares the proof that a stack's logins work, as a resource of the
// project's own Pulumi provider.
//
// The resource creates nothing. Creating or updating it runs the checks of `verify`
// against the stack, and a failed check fails the update. It depends on every other
// resource, so that it comes last, and everything that the update created stays.
package loginproof

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// TypeToken is the type in the state, the same as in the plugin's schema.
const TypeToken = "mlflow-sso:login:LoginProof"

// When an update proves the logins.
const (
	// OnChange proves them if something has changed since the last proof.
	OnChange = "onChange"
	// Always proves them in every update.
	Always = "always"
	// Never skips the proof: there is no resource.
	Never = "never"
)

// Modes are all modes.
func Modes() []string { return []string{OnChange, Always, Never} }

// Inputs and the output by their names in the schema.
const (
	Mode     = "mode"
	Outputs  = "outputs"
	Triggers = "triggers"
	// Proved are the triggers of the last successful proof; none if it failed.
	Proved = "proved"
)

// Args are the arguments of the proof.
type Args struct {
	// Provider is the provider of package pluginprovider.
	Provider pulumi.ProviderResource
	// Mode is OnChange or Always.
	Mode string
	// Outputs are the stack's outputs by name.
	Outputs pulumi.Map
	// Triggers are digests by what they cover: when one changes, the proof is outdated.
	Triggers pulumi.StringMap
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Provider != nil, "Provider is missing, want one of package %s", pulumiplugin.Name)
	m.Require(a.Mode != Never && slices.Contains(Modes(), a.Mode), "Mode is %q, want %s or %s; with %s there is no resource", a.Mode, OnChange, Always, Never)
	m.Require(len(a.Outputs) > 0, "Outputs is empty, want the stack's outputs")
	m.Require(len(a.Triggers) > 0, "Triggers is empty, want a digest at least")
	return m.Err()
}

// LoginProof is the proof.
type LoginProof struct{ pulumi.CustomResourceState }

// New registers the resource. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*LoginProof, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("login proof %q: %w", name, err)
	}
	p := &LoginProof{}
	err := ctx.RegisterResource(TypeToken, name, pulumi.Map{
		Mode: pulumi.String(args.Mode),
		// A single text, so that all of it is one secret.
		Outputs:  pulumi.ToSecret(pulumi.JSONMarshal(args.Outputs)),
		Triggers: secrets(args.Triggers),
	}, p, append(opts, pulumi.Provider(args.Provider), pulumi.Version(pulumiplugin.Version), pulumi.AdditionalSecretOutputs([]string{Proved}))...)
	if err != nil {
		return nil, fmt.Errorf("login proof %q: %w", name, err)
	}
	return p, nil
}

// secrets marks each digest as secret separately, so that a preview names those that differ. A
// digest is a secret, because a password chosen by a user could be guessed from it.
func secrets(digests pulumi.StringMap) pulumi.Map {
	marked := pulumi.Map{}
	for name, digest := range digests {
		marked[name] = pulumi.ToSecret(digest)
	}
	return marked
}
