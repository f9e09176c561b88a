package stack

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/require"
)

// Pulumi decides by these patterns what a scope excludes and creates.
func TestAScopeNamesItsResourcesAsPulumiDoes(t *testing.T) {
	roots := []string{
		"urn:pulumi:lab::*::mlflow-sso:platform:Platform::platform",
		"urn:pulumi:lab::*::**$mlflow-sso:credentials:Credentials::credentials", "urn:pulumi:lab::*::**::credentials-root*",
		"urn:pulumi:lab::*::**$mlflow-sso:realm:Realm::realm", "urn:pulumi:lab::*::**$mlflow-sso:permissions:Permissions::access",
		"urn:pulumi:lab::*::**$mlflow-sso:access:Access::access",
	}
	for _, test := range []struct {
		scope         Scope
		only, without []string
	}{
		{scope: Everything},
		{scope: AllButRealm, without: []string{
			"urn:pulumi:lab::**$mlflow-sso:identity:AdminRealm::**", "urn:pulumi:lab::**$mlflow-sso:identity:BuiltinClient::**",
			"urn:pulumi:lab::**$mlflow-sso:identity:ClientRoles::**", "urn:pulumi:lab::**$mlflow-sso:identity:Password::**",
			"urn:pulumi:lab::**$mlflow-sso:identity:GroupMembers::**", "urn:pulumi:lab::**$keycloak:**",
		}},
		{scope: DatabasesOnly, without: []string{
			"urn:pulumi:lab::**$keycloak:**", "urn:pulumi:lab::**$mlflow-sso:identity:**", "urn:pulumi:lab::**::keycloak-container", "urn:pulumi:lab::**::mlflow-container",
		}},
		{scope: ImageOnly("mlflow"), only: append(append([]string{}, roots...),
			"urn:pulumi:lab::*::**$mlflow-sso:image:Image::mlflow", "urn:pulumi:lab::*::**::mlflow-image")},
	} {
		t.Run(test.scope.Name, func(t *testing.T) {
			var got optup.Options
			for _, option := range test.scope.options("lab") {
				option.ApplyOption(&got)
			}
			require.Equal(t, test.only, got.Target)
			require.Equal(t, test.without, got.Exclude)
			require.Equal(t, len(test.without) > 0, got.ExcludeDependents, "what depends on what is left out waits, too")
		})
	}
	require.NotContains(t, ImageOnly("backup").only, "*::**::mlflow-image", "a scope shares no memory with another")
}
