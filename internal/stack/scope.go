package stack

import (
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/components/permissions"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// Scope is the part of a stack that an update covers.
type Scope struct {
	// Name is its name in messages.
	Name string
	// only are the URN suffixes of the resources that are updated; empty for all.
	only []string
	// without are those of resources that are excluded, with all that depend on them.
	without []string
}

// Objects inside Keycloak: the vendor provider's, and the project's own.
const (
	realmResources    = "**$keycloak:**"
	identityResources = "**$mlflow-sso:identity:**"
)

// realmObjects are the latter without the secret of the program's service account, which an update
// of all but the realm sets: a later refresh logs in with it.
func realmObjects() []string {
	var all []string
	for _, kind := range identity.RealmTypes() {
		all = append(all, "**$"+kind+"::**")
	}
	return all
}

// The scopes of an update.
var (
	// Everything is the whole stack.
	Everything = Scope{Name: "everything"}
	// AllButRealm excludes objects inside Keycloak, which must run first.
	AllButRealm = Scope{Name: "all but the realm", without: append(realmObjects(), realmResources)}
	// DatabasesOnly excludes every service that would write to databases which are about to be
	// restored.
	DatabasesOnly = Scope{Name: "databases only", without: []string{realmResources, identityResources, "**::keycloak-container", "**::mlflow-container"}}
)

// ImageOnly is the image of a service. Pulumi always creates every provider, so it includes the
// inputs of Keycloak's and MLflow's, the root secrets, and their parents.
func ImageOnly(service string) Scope {
	return Scope{Name: "image of " + service + " only", only: []string{
		"*::" + platform.TypeToken + "::platform",
		"*::**$" + credentials.TypeToken + "::" + platform.CredentialsName, "*::**::" + platform.CredentialsName + "-root*",
		"*::**$" + realm.TypeToken + "::realm", "*::**$" + permissions.TypeToken + "::access",
		"*::**$mlflow-sso:access:Access::access", // as in a state of an earlier version
		"*::**$" + image.TypeToken + "::" + service, "*::**::" + service + "-image",
	}}
}

// urns returns URN patterns of a stack.
func urns(stack string, patterns []string) []string {
	all := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		all = append(all, "urn:pulumi:"+stack+"::"+pattern)
	}
	return all
}

// options returns the scope in Pulumi's terms.
func (s Scope) options(stack string) []optup.Option {
	var options []optup.Option
	if len(s.only) > 0 {
		options = append(options, optup.Target(urns(stack, s.only)))
	}
	if len(s.without) > 0 {
		options = append(options, optup.Exclude(urns(stack, s.without)), optup.ExcludeDependents())
	}
	return options
}
