// Package childopts decides the resource options of all children of components.
//
// Children get their parent, but no options that the caller passed to the component:
// forwarded aliases and dependencies would be copied to every child.
package childopts

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Options returns the options of a child of parent, followed by extra ones.
func Options(parent pulumi.Resource, extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(parent)}, extra...)
}

// FormerType makes the resource that has an earlier type in the state this one, including its
// children, so that a renamed type replaces nothing.
func FormerType(token string) pulumi.ResourceOption {
	return pulumi.Aliases([]pulumi.Alias{{Type: pulumi.String(token)}})
}

// Protected adds protection if on is true. An explicit "not protected" would override what a
// parent passes down, so there is none.
func Protected(protect bool) []pulumi.ResourceOption {
	if !protect {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.Protect(true)}
}
