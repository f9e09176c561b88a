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

	"github.com/mlflow-sso/mlflow-sso/internal/label"
	"github.com/mlflow-sso/mlflow-sso/tests/family"
)

// replaced are the containers that another memory limit replaces, with the setting and
// the limit in MiB. What takes snapshots and the keeper wait for others, and come along.
var replaced = map[string]int{"postgres": 576, "redis": 160, "keycloak": 1088, "mlflow": 2112, "edge": 288}

// killedUpdates starts an update that replaces these containers, kills it, with Pulumi
// and its plugins, as soon as one of them is gone or there again, and does so until it
// has been killed at each of these moments. The last one is let be.
func killedUpdates(w *ward) {
	for component, memory := range replaced {
		section, _ := w.lab.settings["mlflow-sso:"+component].(map[string]any)
		if section == nil {
			section = map[string]any{}
			w.lab.settings["mlflow-sso:"+component] = section
		}
		section["memoryMB"] = memory
	}
	w.lab.write(w.T)
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	happens, failed := w.docker.API().Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("event", "destroy"), filters.Arg("event", "start"),
		filters.Arg("label", label.Deployment+"="+w.lab.name))})
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
				processes, err := family.Kill(command.Process.Pid)
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
	for component := range replaced {
		for _, what := range []string{"destroy ", "start "} {
			require.True(w, killed[what+component], "the update was never killed at %s%s: %v", what, component, killed)
		}
	}
}

// quiet waits until the daemon has ended what it was told before the kill.
func quiet(happens <-chan events.Message) {
	for {
		select {
		case <-happens:
		case <-time.After(time.Second):
			return
		}
	}
}
