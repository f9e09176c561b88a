package identity

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// PasswordArgs are a user's derived password and its version.
type PasswordArgs struct {
	// Realm is the realm's name.
	Realm pulumi.StringInput
	// Username is an output of the user, so that they exist.
	Username pulumi.StringInput
	// Password is the derived one.
	Password pulumi.StringInput
	// Version is the version of the credential: the password is set when the version changes.
	// Until then, a password that the user has changed stays.
	Version string
}

// Validate reports every mistake in the arguments at once.
func (a *PasswordArgs) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Realm != nil, "Realm is missing, want the name of a realm")
	m.Require(a.Username != nil, "Username is missing, want that of a user")
	m.Require(a.Password != nil, "Password is missing, want a derived one")
	m.Require(a.Version != "", "Version is missing, want that of the password")
	return m.Err()
}

// Password is a user's password that is rotated with its credential.
type Password struct{ pulumi.CustomResourceState }

// NewPassword registers the resource. If args are invalid, nothing is registered.
func NewPassword(ctx *pulumi.Context, name string, args *PasswordArgs, opts ...pulumi.ResourceOption) (*Password, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("password %q: %w", name, err)
	}
	p := &Password{}
	err := ctx.RegisterResource(PasswordType, name, pulumi.Map{
		"realm": args.Realm, "username": args.Username, "password": pulumi.ToSecret(args.Password), "edition": pulumi.String(args.Version),
	}, p, withVersion(append(opts, pulumi.AdditionalSecretOutputs([]string{"password"})))...)
	if err != nil {
		return nil, fmt.Errorf("password %q: %w", name, err)
	}
	return p, nil
}
