package credentials

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// History is a credential with its previous values, for a service that must re-encrypt what it
// has stored.
type History struct {
	// Version is the root secret and generation of the value.
	Version string
	// Value has the format of Password.
	Value pulumi.StringOutput
	// Previous are the previous values by their versions, of all root secrets.
	Previous pulumi.StringMapOutput
}

// History returns a credential with its previous values. They are secret, and known as soon as the
// root secrets are.
func (c *Credentials) History(label Label) History {
	previous := pulumi.All(c.roots...).ApplyT(func(roots []any) (map[string]string, error) {
		before, err := c.earlier(roots, label)
		byVersion := map[string]string{}
		for _, key := range before {
			byVersion[VersionOfNumber(key.Number)] = key.Value
		}
		return byVersion, err
	}).(pulumi.StringMapOutput)
	return History{Version: c.Version(label), Value: c.Password(label), Previous: pulumi.ToSecret(previous).(pulumi.StringMapOutput)}
}

// Root is the current root secret, in base64.
func (c *Credentials) Root() pulumi.StringOutput { return c.root }
