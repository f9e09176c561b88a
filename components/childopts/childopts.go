// Package childopts decides the resource options of all children of components.
//
// Children get their parent, but no options that the caller passed to the component:
// forwarded aliases and dependencies would be copied to every child.
package childopts

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Options are the options of a child of parent, with extra ones behind.
func Options(parent pulumi.Resource, extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(parent)}, extra...)
}

// FormerType makes the resource that the state has under an earlier type this one, its
// children included, so that a renamed type replaces nothing.
func FormerType(token string) pulumi.ResourceOption {
	return pulumi.Aliases([]pulumi.Alias{{Type: pulumi.String(token)}})
}

// Protected adds protection where it is wanted. An explicit "not protected"
// would override what a parent hands down, so there is none.
func Protected(protect bool) []pulumi.ResourceOption {
	if !protect {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.Protect(true)}
}
