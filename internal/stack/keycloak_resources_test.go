package stack

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsInsideKeycloakLeavesTheStateWithAllThatRefersToIt(t *testing.T) {
	whole, err := withoutInside(json.RawMessage(`{"manifest":{"x":1},"resources":[
		{"urn":"p","type":"pulumi:providers:keycloak"},
		{"urn":"c","type":"docker:index/container:Container"},
		{"urn":"r","type":"keycloak:index/realm:Realm","provider":"p::1"},
		{"urn":"k","type":"mlflow-sso:keycloak:Server"},
		{"urn":"b","type":"mlflow-sso:identity:BuiltinClient","dependencies":["r"]},
		{"urn":"m","type":"docker:index/container:Container","future":true,"dependencies":["c","r","b"],"propertyDependencies":{"envs":["r","c"],"name":["r"]},"deletedWith":"r"}]}`))

	require.NoError(t, err)
	require.JSONEq(t, `{"manifest":{"x":1},"resources":[
		{"urn":"c","type":"docker:index/container:Container"},
		{"urn":"k","type":"mlflow-sso:keycloak:Server"},
		{"urn":"m","type":"docker:index/container:Container","future":true,"dependencies":["c"],"propertyDependencies":{"envs":["c"],"name":[]}}]}`, string(whole))
}
