package backup

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// RepositoryKeyType is the type in the state, the same as in the plugin's schema.
const RepositoryKeyType = "mlflow-sso:backup:RepositoryKey"

// Inputs of a RepositoryKey by their names in the schema.
const (
	KeyContainer        = "container"
	KeyVersion          = "edition" // Pulumi reserves "version" for the plugin's version
	KeyValue            = "value"
	KeyPrevious         = "previous"
	KeyRootSecret       = "rootSecret"
	KeyPassphraseFile   = "passphraseFile"
	KeyPassphraseDigest = "passphraseDigest"
	KeyRecoverable      = "recoverable"
)

// Key is the repository's derived key, and what a restore needs in addition.
type Key struct {
	// Version is the root secret and generation of the value.
	Version string
	Value   pulumi.StringInput
	// Previous are the previous values by their versions.
	Previous pulumi.StringMapInput
	// RootSecret is stored in each snapshot, encrypted with the recovery passphrase.
	RootSecret pulumi.StringInput
	// PassphraseFile is a file with that passphrase, which no resource contains.
	PassphraseFile string
	// PassphraseDigest changes with the passphrase.
	PassphraseDigest pulumi.StringInput
}

// RepositoryKeyArgs are the keys that decrypt the snapshots.
type RepositoryKeyArgs struct {
	// Provider is the provider of package pluginprovider.
	Provider pulumi.ProviderResource
	// Container is the name of the backup container. It must not depend on the created container:
	// a container that is recreated has the same key.
	Container string
	Key       Key
}

// Validate reports every mistake in the arguments at once.
func (a *RepositoryKeyArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Provider != nil, "Provider is missing, want one of package %s", pulumiplugin.Name)
	m.Require(a.Container != "", `Container is "", want the name of the backup container`)
	m.Require(a.Key.Version != "", `Key.Version is "", want that of the value`)
	m.Require(a.Key.Value != nil && a.Key.Previous != nil, "Key has no Value or no Previous, want both")
	m.Require(a.Key.RootSecret != nil, "Key.RootSecret is missing, want what a restore needs")
	m.Require(a.Key.PassphraseFile != "" && a.Key.PassphraseDigest != nil, "Key has no PassphraseFile or no PassphraseDigest, want both")
	return m.Err()
}

// RepositoryKey manages the keys of the snapshot repository. Creating or updating it adds the
// current key with the help of a previous one, removes the previous one, adds the recovery
// passphrase, and encrypts the root secret with it for every later snapshot.
type RepositoryKey struct{ pulumi.CustomResourceState }

// NewRepositoryKey registers the resource. If args are invalid, nothing is registered.
func NewRepositoryKey(ctx *pulumi.Context, name string, args *RepositoryKeyArgs, opts ...pulumi.ResourceOption) (*RepositoryKey, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("repository key %q: %w", name, err)
	}
	k := &RepositoryKey{}
	err := ctx.RegisterResource(RepositoryKeyType, name, pulumi.Map{
		KeyContainer:        pulumi.String(args.Container),
		KeyVersion:          pulumi.String(args.Key.Version),
		KeyValue:            pulumi.ToSecret(args.Key.Value),
		KeyPrevious:         pulumi.ToSecret(args.Key.Previous),
		KeyRootSecret:       pulumi.ToSecret(args.Key.RootSecret),
		KeyPassphraseFile:   pulumi.String(args.Key.PassphraseFile),
		KeyPassphraseDigest: pulumi.ToSecret(args.Key.PassphraseDigest),
		// A refresh checks whether a restore would succeed; it may find that it would not.
		KeyRecoverable: pulumi.Bool(true),
	}, k, append(opts, pulumi.Provider(args.Provider), pulumi.Version(pulumiplugin.Version),
		pulumi.AdditionalSecretOutputs([]string{KeyValue, KeyPrevious, KeyRootSecret, KeyPassphraseDigest}))...)
	if err != nil {
		return nil, fmt.Errorf("repository key %q: %w", name, err)
	}
	return k, nil
}
