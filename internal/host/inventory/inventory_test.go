package inventory

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine/enginetest"
)

// at is a container of a deployment.
func at(deployment string, component check.Component, state container.State) enginetest.Container {
	return enginetest.Container{
		Name: deployment + "-" + string(component), State: state,
		Labels: map[string]string{naming.Deployment: deployment, naming.Component: string(component)},
	}
}

func healthy(started string) container.State {
	return container.State{Status: "running", Running: true, StartedAt: started, Health: &container.Health{Status: "healthy"}}
}

func open(t *testing.T) *engine.Engine {
	t.Helper()
	docker, err := engine.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, docker.Close()) })
	return docker
}

func TestADeploymentIsTheContainersWithItsLabelInTheOrderOfFaults(t *testing.T) {
	mlflow := at("lab", check.MLflow, healthy("2026-05-04T10:00:00Z"))
	mlflow.Ports = []container.Port{{IP: "127.0.0.1", PublicPort: 5000, PrivatePort: 8080}, {PrivatePort: 9000}}
	enginetest.Serve(t,
		mlflow,
		at("lab", check.IdentitySync, container.State{Status: "exited", StartedAt: "2026-05-04T10:00:00Z", FinishedAt: "2026-05-04T11:00:00Z"}),
		at("lab", check.Postgres, healthy("2026-05-04T09:00:00Z")),
		at("other", check.Redis, healthy("2026-05-04T09:00:00Z")),
		enginetest.Container{Name: "unrelated", State: healthy("2026-05-04T09:00:00Z")},
	)

	lab, err := Of(t.Context(), open(t), "lab")

	require.NoError(t, err)
	require.Len(t, lab.Containers, 3)
	require.Equal(t, []string{"postgres", "mlflow", "identity-sync"}, []string{lab.Containers[0].Component, lab.Containers[1].Component, lab.Containers[2].Component})
	require.Equal(t, []string{"127.0.0.1:5000"}, lab.Containers[1].Ports)
	require.Equal(t, "healthy", lab.Containers[1].Health)
	require.Equal(t, 2, lab.Ready())
	require.Equal(t, "2026-05-04T11:00:00Z", lab.Containers[2].Since.Format(time.RFC3339), "when it ended")
	require.Equal(t, "2026-05-04T09:00:00Z", lab.Since().Format(time.RFC3339))

	all, err := Deployments(t.Context(), open(t))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "lab", all[0].Name)
	require.Equal(t, "other", all[1].Name)
}

func TestLinesOfSeveralContainersAreInTheOrderOfTime(t *testing.T) {
	mlflow, keycloak := at("lab", check.MLflow, healthy("")), at("lab", check.Keycloak, healthy(""))
	mlflow.Out = "2026-05-04T10:00:01Z first\n2026-05-04T10:00:04Z last, without an end"
	mlflow.Err = "2026-05-04T10:00:03Z third\n"
	keycloak.Out = "2026-05-04T10:00:02Z \x1b[31msecond\x1b[0m\x07\n"
	enginetest.Serve(t, mlflow, keycloak)
	docker := open(t)
	lab, err := Of(t.Context(), docker, "lab")
	require.NoError(t, err)

	var texts []string
	require.NoError(t, Logs(t.Context(), docker, lab.Containers, LogOptions{Tail: "all"}, func(l Line) error {
		texts = append(texts, l.Component+" "+l.Stream+" "+l.Text)
		return nil
	}))

	require.Equal(t, []string{"mlflow stdout first", "keycloak stdout second", "mlflow stderr third", "mlflow stdout last, without an end"}, texts)
}

func TestFollowedLogsEndWithTheContextOrWithTheReader(t *testing.T) {
	mlflow, keycloak := at("lab", check.MLflow, healthy("")), at("lab", check.Keycloak, healthy(""))
	mlflow.Out, keycloak.Out = "2026-05-04T10:00:01Z a\n", "2026-05-04T10:00:02Z b\n"
	enginetest.Serve(t, mlflow, keycloak)
	docker := open(t)
	lab, err := Of(t.Context(), docker, "lab")
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = Logs(ctx, docker, lab.Containers, LogOptions{Follow: true, Tail: "all"}, func(Line) error {
		if seen++; seen == 2 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, seen)

	broken := errors.New("broken pipe")
	require.ErrorIs(t, Logs(t.Context(), docker, lab.Containers, LogOptions{Follow: true, Tail: "all"}, func(Line) error { return broken }), broken)
}
