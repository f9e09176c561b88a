package mlflow

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// EncryptionKeyType is the type in the state, which is that of the plugin's schema.
const EncryptionKeyType = "mlflow-sso:mlflow:EncryptionKey"

// Inputs of an EncryptionKey by their names in the schema.
const (
	KeyContainer = "container"
	KeyLabel     = "label"
	KeyVersion   = "edition" // "version" is Pulumi's own, that of the plugin
	KeyValue     = "value"
	KeyPrevious  = "previous"
)

// Key is a derived key with the values that it had before.
type Key struct {
	// Label names the credential.
	Label string
	// Version says which root secret and generation the value is of.
	Version string
	Value   pulumi.StringInput
	// Previous are the earlier values by their versions.
	Previous pulumi.StringMapInput
}

// EncryptionKeyArgs say which stored secrets a key encrypts.
type EncryptionKeyArgs struct {
	// Provider is that of package pluginprovider.
	Provider pulumi.ProviderResource
	// Container is the name of the server's container. Not what is known once that is there: a
	// container that is recreated has the same key.
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
// encrypts with the current value what an earlier one encrypts.
type EncryptionKey struct{ pulumi.CustomResourceState }

// NewEncryptionKey registers it. With an error from args nothing is registered.
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

// encryptionKeys registers those of the server's stored secrets, once its container has them.
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
