package provider

import (
	"context"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

func TestOnlyUnlistedMembersAreRemovedAndEachIsNamed(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)[identity.GroupMembersType]
	s, _ := configured(t, f.URL, fakeSecret)
	var said []string
	s.say = func(_ context.Context, _ resource.URN, text string) { said = append(said, text) }
	f.clients["mlflow"] = append(f.clients["mlflow"], map[string]any{"id": "ci-id", "clientId": "ci", "serviceAccountsEnabled": true})
	f.members = map[string]string{"u2": "ada", "u3": "mel", "u4": "service-account-ci", "u8": "service-account-unknown", "u9": "eve"}

	create(t, s, identity.GroupMembersType, inputs)
	require.Equal(t, map[string]string{"u2": "ada", "u3": "mel", "u4": "service-account-ci"}, f.members, "a name alone makes no service account")
	require.Equal(t, []string{
		"person eve in group team taken out, the group is exclusive", "person service-account-unknown in group team taken out, the group is exclusive",
	}, said)

	f.joins("u9", "eve")
	now := read(t, s, identity.GroupMembersType, inputs)
	require.Equal(t, []string{"eve"}, texts(now, identity.UnlistedMembers))
	_, err := s.Delete(t.Context(), plugin.DeleteRequest{Type: identity.GroupMembersType, Inputs: inputs})
	require.NoError(t, err)
	require.Contains(t, f.members, "u9", "a deletion leaves the members")
}

// Users of a read-only directory stay; the others are removed, and the update fails.
func TestAMemberWhomKeycloakCannotRemoveIsNamedAndTheOthersAreRemoved(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)[identity.GroupMembersType]
	s, _ := configured(t, f.URL, fakeSecret)
	f.members, f.fixed = map[string]string{"u5": "dora", "u9": "eve"}, []string{"u5"}
	_, err := s.Create(t.Context(), plugin.CreateRequest{Type: identity.GroupMembersType, Properties: inputs})
	require.ErrorContains(t, err, "take out person dora in group team: 400")
	require.ErrorContains(t, err, "person dora in group team is still a member, want only users that the settings list")
	require.NotContains(t, err.Error(), "eve")
	require.Equal(t, map[string]string{"u5": "dora"}, f.members)
}

func TestAMissingGroupIsNotTreatedAsAnEmptyOne(t *testing.T) {
	f, inputs := newFakeKeycloak(t), programInputs(t)[identity.GroupMembersType]
	s, _ := configured(t, f.URL, fakeSecret)
	f.members = nil
	require.Nil(t, read(t, s, identity.GroupMembersType, inputs))
	_, err := s.Create(t.Context(), plugin.CreateRequest{Type: identity.GroupMembersType, Properties: inputs})
	require.ErrorContains(t, err, "got no group team in realm mlflow")
}
