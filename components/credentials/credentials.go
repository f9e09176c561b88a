// Package credentials derives every credential of a stack from one random secret.
//
// It makes one resource, the root: 32 random bytes that exist only in the
// stack's encrypted state. A credential is HKDF-SHA256 of the root with the
// credential's label and generation. So a credential is never typed, never
// stored twice, cannot differ between two places, and is rotated when its generation
// is raised. A new root rotates all of them; earlier roots stay in the state, so that a
// service that still has the previous value can get the current one. Every
// value handed out is a secret output.
package credentials

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-random/sdk/v4/go/random"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/childopts"
	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
)

// TypeToken is the component's type in the state.
const TypeToken = "mlflow-sso:credentials:Credentials"

// Label names a credential. Labels are part of the derivation: renaming one
// changes its value.
type Label string

// The credentials of a stack.
const (
	PostgresSuperuser  Label = "postgres/superuser"
	PostgresMLflow     Label = "postgres/mlflow"
	PostgresMLflowAuth Label = "postgres/mlflow-auth"
	PostgresKeycloak   Label = "postgres/keycloak"
	// PostgresBackup is the role that reads all databases.
	PostgresBackup Label = "postgres/backup"
	Redis          Label = "redis/default"
	// KeycloakAdmin is the permanent administrator's password.
	KeycloakAdmin Label = "keycloak/admin"
	// KeycloakProvider is the service account that this program uses.
	KeycloakProvider Label = "keycloak/provider"
	// MLflowClient is the secret of the OpenID Connect client.
	MLflowClient Label = "mlflow/client-secret"
	// MLflowSession signs session cookies.
	MLflowSession Label = "mlflow/secret-key"
	// MLflowSessionTokens encrypts the tokens that a session keeps.
	MLflowSessionTokens Label = "mlflow/session-token-key"
	// IdentitySyncClient is the secret of the client that reads Keycloak's users.
	IdentitySyncClient Label = "keeper/client-secret"
	// AccessAdminClient is the secret of the client that manages access in MLflow for the
	// program.
	AccessAdminClient Label = "steward/client-secret"
	// MLflowGateway encrypts the API keys that users store in MLflow.
	MLflowGateway Label = "mlflow/gateway-key"
	// MLflowWebhooks encrypts the secrets of webhooks, if those are enabled.
	MLflowWebhooks Label = "mlflow/webhook-key"
	// BackupRepository decrypts the snapshots.
	BackupRepository Label = "backup/repository"
	DemoAdmin        Label = "demo/admin"
	DemoMember       Label = "demo/member"
	DemoOutsider     Label = "demo/outsider"
)

// accounts is the prefix of labels of service accounts' secrets.
const accounts = "service-account/"

// ServiceAccount returns the label of a service account's client secret.
func ServiceAccount(name string) Label { return Label(accounts + name) }

// ofAccount reports whether a label is one of a service account.
func ofAccount(label Label) bool {
	name, ok := strings.CutPrefix(string(label), accounts)
	return ok && name != ""
}

// Labels are the labels that every stack has, in a fixed order. Each service account adds one.
func Labels() []Label {
	return []Label{
		PostgresSuperuser, PostgresMLflow, PostgresMLflowAuth, PostgresKeycloak, PostgresBackup, Redis,
		KeycloakAdmin, KeycloakProvider, MLflowClient, MLflowSession, MLflowSessionTokens, MLflowGateway, MLflowWebhooks, BackupRepository,
		IdentitySyncClient, AccessAdminClient, DemoAdmin, DemoMember, DemoOutsider,
	}
}

// LabelList returns all labels as one text, for messages.
func LabelList() string {
	texts := make([]string, 0, len(Labels()))
	for _, label := range Labels() {
		texts = append(texts, string(label))
	}
	return strings.Join(texts, ", ")
}

// Args are the protection of the root secret, and which credentials were rotated.
type Args struct {
	// Root is the number of the root secret; 1 if it was never rotated.
	Root int
	// Generations is the generation of each credential; 1 if absent.
	Generations map[Label]int
	// Protect prevents the deletion of a root secret.
	Protect bool
}

// Validate reports every mistake in the arguments at once.
func (a *Args) Validate() error {
	if a == nil {
		return argcheck.ErrNilArgs()
	}
	var m argcheck.List
	m.Require(a.Root >= 0 && a.Root <= MostGenerations, "Root is %d, want 1 to %d", a.Root, MostGenerations)
	for _, label := range slices.Sorted(maps.Keys(a.Generations)) {
		n := a.Generations[label]
		m.Require(ofAccount(label) || slices.Contains(Labels(), label), "Generations has %q, want one of %s", label, LabelList())
		m.Require(n >= 1 && n <= MostGenerations, "Generations[%s] is %d, want 1 to %d", label, n, MostGenerations)
	}
	return m.Err()
}

// Credentials is the root secret with the credentials that are derived from it.
type Credentials struct {
	pulumi.ResourceState

	root pulumi.StringOutput
	// roots are all root secrets, in order; the last one is root.
	roots       []any
	number      int
	generations map[Label]int
}

// New creates the root secret, and keeps the previous ones. If args are invalid, nothing is registered.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Credentials, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("credentials %q: %w", name, err)
	}
	c := &Credentials{number: max(args.Root, 1), generations: maps.Clone(args.Generations)}
	if err := ctx.RegisterComponentResource(TypeToken, name, c, opts...); err != nil {
		return nil, fmt.Errorf("credentials %q: %w", name, err)
	}
	for number := 1; number <= c.number; number++ {
		root, err := random.NewRandomBytes(ctx, RootName(name, number), &random.RandomBytesArgs{
			Length: pulumi.Int(rootLength),
		}, childopts.Options(c, childopts.Protected(args.Protect)...)...)
		if err != nil {
			return nil, fmt.Errorf("credentials %q: root: %w", name, err)
		}
		// The provider marks its result as secret; one that did not would expose every credential.
		c.root = pulumi.ToSecret(root.Base64).(pulumi.StringOutput)
		c.roots = append(c.roots, c.root)
	}
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("credentials %q: %w", name, err)
	}
	return c, nil
}

// Version returns the root secret and generation of a credential.
func (c *Credentials) Version(label Label) string { return Version(c.number, c.generations[label]) }

// VersionNumber returns the version as one number.
func (c *Credentials) VersionNumber(label Label) int {
	return VersionNumber(c.number, c.generations[label])
}

// Password returns the credential as 43 characters that need no escaping in a URL, a shell or a
// connection string. It carries 256 bits.
func (c *Credentials) Password(label Label) pulumi.StringOutput {
	return c.derive(label, base64.RawURLEncoding)
}

// Previous returns every value that Password may have had before, newest first.
func (c *Credentials) Previous(label Label) pulumi.StringArrayOutput {
	return pulumi.All(c.roots...).ApplyT(func(roots []any) ([]string, error) {
		before, err := c.earlier(roots, label)
		values := make([]string, 0, len(before))
		for _, key := range before {
			values = append(values, key.Value)
		}
		return values, err
	}).(pulumi.StringArrayOutput)
}

// earlier returns the keys that a credential may have had before, newest first.
func (c *Credentials) earlier(roots []any, label Label) ([]Key, error) {
	keys := Keys{Roots: map[int]string{}, Root: c.number, Generations: c.generations}
	for i, root := range roots {
		keys.Roots[i+1], _ = root.(string)
	}
	return keys.Previous(label)
}

// FernetKey returns the credential in the format of Python's Fernet.
func (c *Credentials) FernetKey(label Label) pulumi.StringOutput {
	return c.derive(label, base64.URLEncoding)
}

func (c *Credentials) derive(label Label, encoding *base64.Encoding) pulumi.StringOutput {
	generation := max(c.generations[label], 1)
	return c.root.ApplyT(func(root string) (string, error) {
		key, err := Derive(root, label, generation)
		if err != nil {
			return "", err
		}
		return encoding.EncodeToString(key), nil
	}).(pulumi.StringOutput)
}

// rootLength is the length of the root and of each credential, in bytes.
const rootLength = 32

// Derive returns the 32 bytes of a credential: HKDF-SHA256 (RFC 5869) of the root, which is in
// base64, with "mlflow-sso/v1/<label>/<generation>" as info.
func Derive(root string, label Label, generation int) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(root)
	if err != nil || len(secret) != rootLength {
		// Do not repeat the text: it may be the secret with one wrong character.
		return nil, fmt.Errorf("root secret: got %d characters that are not %d bytes in base64", len(root), rootLength)
	}
	return hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("mlflow-sso/v1/%s/%d", label, generation), rootLength)
}
