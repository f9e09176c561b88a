package credentials

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// History is a credential with the values that it had before, for a service that has to
// replace them in what it has stored.
type History struct {
	// Version says which root secret and generation the value is of.
	Version string
	// Value is as Password writes it.
	Value pulumi.StringOutput
	// Previous are the earlier values by their versions, of all root secrets.
	Previous pulumi.StringMapOutput
}

// History is that of a credential. Its values are secret, and known as soon as the root secrets are.
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

// Root is the root secret of now, in base64.
func (c *Credentials) Root() pulumi.StringOutput { return c.root }
