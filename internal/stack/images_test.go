package stack

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/stretchr/testify/require"
)

func TestAnImageIsTheOneOfThatNameInTheState(t *testing.T) {
	made := func(name, id string) apitype.ResourceV3 {
		return apitype.ResourceV3{
			URN: resource.URN("urn:pulumi:lab::mlflow-sso::docker:index/remoteImage:RemoteImage::mlflow-image"), Type: tokens.Type(TypeImage), Custom: true,
			Inputs: map[string]any{"name": name}, Outputs: map[string]any{"imageId": id},
		}
	}
	s := &State{snapshot: apitype.DeploymentV3{Resources: []apitype.ResourceV3{made("lab/mlflow:old", "sha256:1"), made("lab/mlflow:new", "sha256:2")}}}
	require.Equal(t, "sha256:2", s.ImageID("lab/mlflow:new"))
	require.Empty(t, s.ImageID("lab/mlflow:newer"))
}

func TestASummaryReportsWhatStays(t *testing.T) {
	s := &Stack{notes: []string{"not changed: artifacts in bucket b"}}
	require.Equal(t, "2 created; not changed: artifacts in bucket b", s.Summary(Changes{"create": 2}))
	require.Equal(t, "no change", (&Stack{}).Summary(Changes{}))
}

func TestAResourceWithoutAProviderHasANameToo(t *testing.T) {
	require.Equal(t, "it", nameOf(string(urn(TypeVolume, "it"))))
	require.Empty(t, nameOf(urnOfReference("")))
}
