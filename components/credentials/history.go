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
	roots := make([]any, 0, len(c.roots))
	for _, root := range c.roots {
		roots = append(roots, root)
	}
	number, generations := c.number, c.generations
	previous := pulumi.All(roots...).ApplyT(func(texts []any) (map[string]string, error) {
		keys := Keys{Roots: map[int]string{}, Root: number, Generations: generations}
		for i, text := range texts {
			root, ok := text.(string)
			if !ok {
				return nil, fmt.Errorf("root secret %d: got %T, want a text", i+1, text)
			}
			keys.Roots[i+1] = root
		}
		all, err := keys.Previous(label)
		if err != nil {
			return nil, err
		}
		byVersion := map[string]string{}
		for _, key := range all {
			byVersion[VersionOfNumber(key.Number)] = key.Value
		}
		return byVersion, nil
	}).(pulumi.StringMapOutput)
	return History{Version: c.Version(label), Value: c.Password(label), Previous: pulumi.ToSecret(previous).(pulumi.StringMapOutput)}
}

// Root is the root secret of now, in base64.
func (c *Credentials) Root() pulumi.StringOutput { return c.root }
