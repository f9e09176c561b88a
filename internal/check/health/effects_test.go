package health

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

func TestWhatUsersNoticeIsKnownForEveryComponentWithAContainer(t *testing.T) {
	for _, component := range check.Components() {
		_, known := usersNotice[component]
		require.Equal(t, !slices.Contains([]Component{check.Host, Realm}, component), known, component)
	}
}

func TestAFindingOfAContainerSaysWhatUsersNotice(t *testing.T) {
	found := []Finding{
		{ID: ContainerPaused, Component: Postgres},
		{ID: NetworkDisconnected, Component: Postgres},
		{ID: ContainerExited, Component: Redis},
	}
	addEffects(found)
	require.Equal(t, usersNotice[Postgres], found[0].Effect)
	require.Empty(t, found[1].Effect)
	require.Equal(t, usersNotice[Redis], found[2].Effect)

	d := &doctor{}
	judged := d.judgeContainer(Keycloak, container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: &container.State{Status: "exited"}}, NetworkSettings: &container.NetworkSettings{}})
	require.Equal(t, usersNotice[Keycloak], judged[0].Effect)
}
