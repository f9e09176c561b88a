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

// Scope is the part of a stack that an update is about.
type Scope struct {
	// Name is how a person calls it.
	Name string
	// only are the URNs, behind the stack's name, of what is updated and nothing else; empty for all.
	only []string
	// without are those of what is left as it is, with all that depends on it.
	without []string
}

// What exists inside Keycloak: what its vendor's provider makes, and the project's own one.
const (
	realmResources    = "**$keycloak:**"
	identityResources = "**$mlflow-sso:identity:**"
)

// realmObjects are the latter without the secret of the program's service account, which an update
// of all but the realm sets: what is refreshed afterwards asks with it.
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
	// AllButRealm leaves out what exists inside Keycloak, which has to answer first.
	AllButRealm = Scope{Name: "all but the realm", without: append(realmObjects(), realmResources)}
	// DatabasesOnly leaves out every service that would write to databases which are about
	// to be restored.
	DatabasesOnly = Scope{Name: "databases only", without: []string{realmResources, identityResources, "**::keycloak-container", "**::mlflow-container"}}
)

// ImageOnly is the image of a service. Pulumi makes every provider in any case, so what those of
// Keycloak and MLflow are made of, the root secrets, and what they are part of, belongs to it.
func ImageOnly(service string) Scope {
	return Scope{Name: "image of " + service + " only", only: []string{
		"*::" + platform.TypeToken + "::platform",
		"*::**$" + credentials.TypeToken + "::" + platform.CredentialsName, "*::**::" + platform.CredentialsName + "-root*",
		"*::**$" + realm.TypeToken + "::realm", "*::**$" + permissions.TypeToken + "::access",
		"*::**$mlflow-sso:access:Access::access", // as a state of an earlier version has it
		"*::**$" + image.TypeToken + "::" + service, "*::**::" + service + "-image",
	}}
}

// urns are patterns of URNs of a stack.
func urns(stack string, patterns []string) []string {
	all := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		all = append(all, "urn:pulumi:"+stack+"::"+pattern)
	}
	return all
}

// options are the scope in Pulumi's terms.
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
