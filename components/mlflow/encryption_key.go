package mlflow

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// EncryptionKeyType is the type in the state, the same as in the plugin's schema.
const EncryptionKeyType = "mlflow-sso:mlflow:EncryptionKey"

// Inputs of an EncryptionKey by their names in the schema.
const (
	KeyContainer = "container"
	KeyLabel     = "label"
	KeyVersion   = "edition" // Pulumi reserves "version" for the plugin's version
	KeyValue     = "value"
	KeyPrevious  = "previous"
)

// Key is a derived key with its previous values.
type Key struct {
	// Label names the credential.
	Label string
	// Version is the root secret and generation of the value.
	Version string
	Value   pulumi.StringInput
	// Previous are the previous values by their versions.
	Previous pulumi.StringMapInput
}

// EncryptionKeyArgs are a key and the stored secrets that it encrypts.
type EncryptionKeyArgs struct {
	// Provider is the provider of package pluginprovider.
	Provider pulumi.ProviderResource
	// Container is the name of the server's container. It must not depend on the created
	// container: a container that is recreated has the same key.
	Container string
	Key       Key
}

// Validate reports every mistake in the arguments at once.
func (a *EncryptionKeyArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Provider != nil, "Provider is missing, want one of package %s", pulumiplugin.Name)
	m.Require(a.Container != "", `Container is "", want the name of the server's container`)
	m.Require(a.Key.Label != "", `Key.Label is "", want that of the credential`)
	m.Require(a.Key.Version != "", `Key.Version is "", want that of the value`)
	m.Require(a.Key.Value != nil && a.Key.Previous != nil, "Key has no Value or no Previous, want both")
	return m.Err()
}

// EncryptionKey is a key that encrypts secrets in MLflow's database. Creating or updating it
// re-encrypts with the current value what a previous value encrypts.
type EncryptionKey struct{ pulumi.CustomResourceState }

// NewEncryptionKey registers the resource. If args are invalid, nothing is registered.
func NewEncryptionKey(ctx *pulumi.Context, name string, args *EncryptionKeyArgs, opts ...pulumi.ResourceOption) (*EncryptionKey, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("encryption key %q: %w", name, err)
	}
	k := &EncryptionKey{}
	err := ctx.RegisterResource(EncryptionKeyType, name, pulumi.Map{
		KeyContainer: pulumi.String(args.Container),
		KeyLabel:     pulumi.String(args.Key.Label),
		KeyVersion:   pulumi.String(args.Key.Version),
		KeyValue:     pulumi.ToSecret(args.Key.Value),
		KeyPrevious:  pulumi.ToSecret(args.Key.Previous),
	}, k, append(opts, pulumi.Provider(args.Provider), pulumi.Version(pulumiplugin.Version),
		pulumi.AdditionalSecretOutputs([]string{KeyValue, KeyPrevious}))...)
	if err != nil {
		return nil, fmt.Errorf("encryption key %q: %w", name, err)
	}
	return k, nil
}

// encryptionKeys registers the keys of the server's stored secrets, once its container has them.
func (s *Server) encryptionKeys(ctx *pulumi.Context, name string, args *Args) error {
	for _, key := range args.Keys {
		_, short, _ := strings.Cut(key.Label, "/")
		_, err := NewEncryptionKey(ctx, name+"-"+short, &EncryptionKeyArgs{Provider: args.OwnProvider, Container: s.Name, Key: key},
			childopts.Options(s, pulumi.DependsOn([]pulumi.Resource{s.Ready}), pulumi.DeletedWith(s.Ready))...)
		if err != nil {
			return err
		}
	}
	return nil
}
