//go:build bench

package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// readyPoll is the polling interval for a container that starts.
const readyPoll = 100 * time.Millisecond

// labelBaseline is a label of everything that is created without Pulumi; its value is the run.
const labelBaseline = "mlflow-sso-bench.run"

// measureBaseline times the lower bound: the containers of a stack without Pulumi, each as early
// as possible, and the realm in one request.
func (m *machine) measureBaseline(ctx context.Context, t *testing.T, from *blueprint, into *startUp) {
	require.NotNil(t, from, "a stack must have been up before")
	t.Cleanup(func() { require.NoError(t, m.removeBaseline(context.Background())) })
	require.NoError(t, m.log.Step(ctx, "baseline", func(ctx context.Context, step *progress.Step) error {
		into.Load = machineLoad()
		line, used := newTimeline(), m.processorClock(labelBaseline+"="+m.run)
		err := m.startBaseline(ctx, from, line)
		if err == nil {
			err = line.during("first login", func() error { return logIn(ctx, from.deployed) })
		}
		into.Seconds = line.now()
		if err != nil {
			return err
		}
		into.Parts = line.finished()
		step.Say("first login after %.1fs", into.Seconds)
		into.CPU, err = used(ctx)
		return err
	}))
	require.NoError(t, m.removeBaseline(ctx))
}

// startBaseline returns when MLflow is ready and the realm exists.
func (m *machine) startBaseline(ctx context.Context, from *blueprint, line *timeline) error {
	err := line.during("networks, volumes and containers made", func() error { return m.rebuild(ctx, from) })
	if err != nil {
		return err
	}
	postgresReady, redisReady := make(chan struct{}), make(chan struct{})
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(postgresReady)
		return m.startOne(ctx, line, "postgres", m.healthy("postgres"))
	})
	all.Go(func() error {
		defer close(redisReady)
		return m.startOne(ctx, line, "redis", m.healthy("redis"))
	})
	all.Go(func() error {
		<-postgresReady
		if err := m.startOne(ctx, line, "keycloak", answers(from.deployed.Keycloak.AdminURL+"/realms/master")); err != nil {
			return err
		}
		return line.during("realm", func() error { return importRealm(ctx, from) })
	})
	all.Go(func() error {
		<-postgresReady
		<-redisReady
		return m.startOne(ctx, line, "mlflow", answers(from.deployed.MLflow.URL+"/health/ready"))
	})
	return all.Wait()
}

// startOne starts a container and polls until it is ready. It does nothing when ctx has ended,
// which another container's failure causes.
func (m *machine) startOne(ctx context.Context, line *timeline, component string, ready func(context.Context) bool) error {
	return line.during(component, func() error {
		if err := m.docker.API().ContainerStart(ctx, m.baseline(component), container.StartOptions{}); err != nil {
			return fmt.Errorf("start baseline %s: %w", component, err)
		}
		for !ready(ctx) {
			state, err := m.docker.State(ctx, m.baseline(component))
			if err == nil && state.Ended() {
				err = fmt.Errorf("it ended with code %d", state.ExitCode)
			}
			if err == nil {
				err = pause(ctx, readyPoll)
			}
			if err != nil {
				return fmt.Errorf("baseline %s: %w", component, err)
			}
		}
		return nil
	})
}

// healthy runs the image's own health check.
func (m *machine) healthy(component string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		result, err := m.docker.Exec(ctx, m.baseline(component), []string{"healthcheck"})
		return err == nil && result.ExitCode == 0
	}
}

// answers polls a published port: it costs less than a health check.
func answers(address string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false
		}
		client := http.Client{Timeout: 5 * time.Second}
		answer, err := client.Do(request)
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}
}

// baseline returns the name of a container, network or volume that is created without Pulumi.
func (m *machine) baseline(what string) string { return m.run + "-byhand-" + what }

func (m *machine) labels(component string) map[string]string {
	return map[string]string{labelBaseline: m.run, naming.Component: component}
}
