package credentials

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

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
		all, err := c.previous(label, roots)
		byVersion := map[string]string{}
		for _, key := range all {
			byVersion[VersionOfNumber(key.Number)] = key.Value
		}
		return byVersion, err
	}).(pulumi.StringMapOutput)
	return History{Version: c.Version(label), Value: c.Password(label), Previous: pulumi.ToSecret(previous).(pulumi.StringMapOutput)}
}

// Previous are the values that Password had before, newest first.
func (c *Credentials) Previous(label Label) pulumi.StringArrayOutput {
	return pulumi.All(c.roots...).ApplyT(func(roots []any) ([]string, error) {
		all, err := c.previous(label, roots)
		values := make([]string, 0, len(all))
		for _, key := range all {
			values = append(values, key.Value)
		}
		return values, err
	}).(pulumi.StringArrayOutput)
}

// previous derives the earlier values from the root secrets, the first one first.
func (c *Credentials) previous(label Label, roots []any) ([]Key, error) {
	keys := Keys{Roots: map[int]string{}, Root: c.number, Generations: c.generations}
	for i, text := range roots {
		root, ok := text.(string)
		if !ok {
			return nil, fmt.Errorf("root secret %d: got %T, want a text", i+1, text)
		}
		keys.Roots[i+1] = root
	}
	return keys.Previous(label)
}

// Root is the root secret of now, in base64.
func (c *Credentials) Root() pulumi.StringOutput { return c.root }
