//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// killed kills `pulumi up` with its program and plugins some time after an object exists, and
// clears Pulumi's lock as its own message says.
func (p *plainPulumi) killed(t *testing.T, l *lab, when string, there func() bool, after time.Duration) {
	t.Helper()
	command, said := exec.CommandContext(context.WithoutCancel(t.Context()), p.command, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", l.name), new(bytes.Buffer)
	command.Dir, command.Env, command.Stdout, command.Stderr = p.folder, p.env, said, said
	startUpdate(t, command, said).killed(t, when, there, after)
	p.must(t, "cancel", "--yes", "--stack", l.name)
}

// Ten moments of a first start, in sequence on the same stack: each update continues where the
// previous one was killed, and the last completes it.
func TestAPlainUpdateThatIsKilledAtAnyPointIsCompletedByTheNext(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLabWithAccount(t.TempDir())
	require.NoError(t, err)
	p, api := ownPlainPulumi(t, l), openEngine(t).API()
	exists := func(component string) func() bool {
		return func() bool {
			_, err := api.ContainerInspect(t.Context(), l.name+"-"+component)
			return err == nil
		}
	}
	realm := func() bool {
		answer, err := http.Get(fmt.Sprintf("http://localhost:%d/realms/mlflow", l.keycloak))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}

	p.killed(t, l, "a network is there", func() bool { return len(things(t, l.name)["networks"]) > 0 }, 0)
	p.killed(t, l, "Postgres is there", exists("postgres"), 0)
	p.killed(t, l, "Redis is there", exists("redis"), time.Second)
	p.killed(t, l, "Keycloak is there, and not ready", exists("keycloak"), 0)
	p.killed(t, l, "MLflow is there, and not ready", exists("mlflow"), 0)
	p.killed(t, l, "the realm is there", realm, 0)
	for _, after := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		p.killed(t, l, "the realm is there", realm, after)
	}
	// Docker creates a container and connects it to its networks within milliseconds: a container
	// without networks stands for a kill in between.
	require.NoError(t, api.ContainerRemove(t.Context(), l.name+"-redis", container.RemoveOptions{Force: true, RemoveVolumes: true}))
	_, err = api.ContainerCreate(t.Context(), &container.Config{Image: baseImage(), Labels: map[string]string{naming.Deployment: l.name}},
		&container.HostConfig{NetworkMode: "none"}, nil, nil, l.name+"-redis")
	require.NoError(t, err)
	p.killed(t, l, "identity sync is there", exists("keeper"), time.Second)

	p.up(t, l, "--refresh")
	allChecksPass(t, p.verify(t, l))
	p.up(t, l, "--expect-no-changes")
}
