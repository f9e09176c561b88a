package identity

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// ClientSecretArgs are the current and previous secrets of a service account in realm master.
type ClientSecretArgs struct {
	// ClientID is the client with the service account.
	ClientID string
	// Secret is the current one.
	Secret pulumi.StringInput
	// Previous are all known previous secrets, most likely first; nil if there is none.
	Previous pulumi.StringArrayInput
	// Version is the version of the credential. A preview shows it in place of the secrets.
	Version string
	// Ready resolves when Keycloak's admin API responds.
	Ready pulumi.Resource
}

// Validate reports every mistake in the arguments at once.
func (a *ClientSecretArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.ClientID != "", "ClientID is missing, want a client of realm master")
	m.Require(a.Secret != nil, "Secret is missing, want that of the client")
	m.Require(a.Version != "", "Version is missing, want that of the secret")
	m.Require(a.Ready != nil, "Ready is missing, want what the admin API waits for")
	return m.Err()
}

// ClientSecret is the secret of the service account that creates all other resources in Keycloak.
// Its provider needs no client: the resource logs in with the first of its secrets that Keycloak
// accepts, and sets the current one. Everything else in Keycloak depends on it.
type ClientSecret struct {
	pulumi.CustomResourceState

	// Ready resolves when Keycloak accepts the current secret.
	Ready pulumi.Resource
}

// NewClientSecret registers the resource. If args are invalid, nothing is registered.
func NewClientSecret(ctx *pulumi.Context, name string, args *ClientSecretArgs, opts ...pulumi.ResourceOption) (*ClientSecret, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("client secret %q: %w", name, err)
	}
	previous := args.Previous
	if previous == nil {
		previous = pulumi.StringArray{}
	}
	s := &ClientSecret{}
	opts = append(opts, pulumi.DependsOn([]pulumi.Resource{args.Ready}), pulumi.AdditionalSecretOutputs([]string{"secret", "previous"}))
	err := ctx.RegisterResource(ClientSecretType, name, pulumi.Map{
		"clientId": pulumi.String(args.ClientID), "secret": pulumi.ToSecret(args.Secret), "previous": pulumi.ToSecret(previous),
		"edition": pulumi.String(args.Version),
	}, s, withVersion(opts)...)
	if err != nil {
		return nil, fmt.Errorf("client secret %q: %w", name, err)
	}
	s.Ready = s
	return s, nil
}
