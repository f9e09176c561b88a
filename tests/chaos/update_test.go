//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/processtree"
)

// replaced are the containers that turning the credentials replaces.
var replaced = []string{"postgres", "redis", "keycloak", "mlflow", "keeper"}

// killedUpdates starts an update that rotates credentials, kills it, with Pulumi and its plugins,
// as soon as a container is removed or started, and repeats that for each of these moments. The
// last one is not killed.
func killedUpdates(w *ward) {
	generations := map[credentials.Label]int{}
	// Not those of sessions, which end every session: that is the purpose of their rotation.
	for _, label := range []credentials.Label{
		credentials.PostgresSuperuser, credentials.PostgresMLflow, credentials.PostgresMLflowAuth, credentials.PostgresKeycloak,
		credentials.PostgresBackup, credentials.Redis, credentials.MLflowClient, credentials.IdentitySyncClient,
	} {
		generations[label] = 2
	}
	w.lab.settings["mlflow-sso:credentials"] = map[string]any{"generations": generations}
	w.lab.write(w.T)
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	happens, failed := w.docker.API().Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("event", "destroy"), filters.Arg("event", "start"),
		filters.Arg("label", naming.Deployment+"="+w.lab.name))})
	killed := map[string]bool{}
	for {
		command := w.lab.command("up", "--no-verify")
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		said := new(bytes.Buffer) // read once the tool has ended
		command.Stderr = said
		require.NoError(w, command.Start())
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		over := false
		for at := ""; at == "" && !over; {
			select {
			case err := <-ended:
				require.NoError(w, err, "%s", said)
				over = true
			case err := <-failed:
				require.NoError(w, err)
			case event := <-happens:
				moment := string(event.Action) + " " + strings.TrimPrefix(event.Actor.Attributes["name"], w.lab.name+"-")
				if killed[moment] {
					continue
				}
				at = moment
				killed[at] = true
				processes, err := processtree.Kill(command.Process.Pid)
				require.NoError(w, err)
				<-ended
				w.Logf("killed %d processes at: %s", processes, at)
				quiet(happens)
			}
		}
		if over {
			break
		}
	}
	for _, component := range replaced {
		require.True(w, killed["destroy "+component] || killed["start "+component], "the update was never killed at %s: %v", component, killed)
	}
}

// quiet waits until the daemon has finished what it did before the kill.
func quiet(happens <-chan events.Message) {
	for {
		select {
		case <-happens:
		case <-time.After(time.Second):
			return
		}
	}
}
