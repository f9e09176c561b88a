// Package enginetest is a Docker Engine for tests: it has containers with labels and logs, and does
// nothing.
package enginetest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Container is one that the engine has.
type Container struct {
	Name   string
	Labels map[string]string
	State  container.State
	Ports  []container.Port
	// Out and Err are its log, lines that begin with their time.
	Out, Err string
}

// Serve starts an engine with the containers, at which DOCKER_HOST points for the time of the test.
func Serve(t *testing.T, containers ...Container) {
	t.Helper()
	server := httptest.NewServer(handler(t, containers))
	t.Cleanup(server.Close)
	use(t, "tcp://"+strings.TrimPrefix(server.URL, "http://"))
}

// None lets DOCKER_HOST point at an address where no engine answers.
func None(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	use(t, "tcp://"+strings.TrimPrefix(server.URL, "http://"))
}

func use(t *testing.T, host string) {
	t.Helper()
	t.Setenv("DOCKER_HOST", host)
	t.Setenv("DOCKER_TLS_VERIFY", "")
	t.Setenv("DOCKER_CERT_PATH", "")
}

func handler(t *testing.T, containers []Container) http.Handler {
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			t.Error(err)
		}
	}
	find := func(w http.ResponseWriter, r *http.Request, do func(Container)) {
		i := slices.IndexFunc(containers, func(c Container) bool { return c.Name == r.PathValue("name") })
		if i < 0 {
			http.NotFound(w, r)
			return
		}
		do(containers[i])
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") })
	mux.HandleFunc("GET /{api}/version", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]string{"Version": "test"}) })
	mux.HandleFunc("GET /{api}/containers/json", func(w http.ResponseWriter, r *http.Request) {
		answer(w, list(t, containers, r.URL.Query().Get("filters")))
	})
	mux.HandleFunc("GET /{api}/containers/{name}/json", func(w http.ResponseWriter, r *http.Request) {
		find(w, r, func(c Container) { answer(w, map[string]any{"Id": c.Name, "Name": "/" + c.Name, "State": c.State}) })
	})
	mux.HandleFunc("GET /{api}/containers/{name}/logs", func(w http.ResponseWriter, r *http.Request) {
		find(w, r, func(c Container) {
			_, _ = stdcopy.NewStdWriter(w, stdcopy.Stdout).Write([]byte(c.Out))
			_, _ = stdcopy.NewStdWriter(w, stdcopy.Stderr).Write([]byte(c.Err))
			if r.URL.Query().Get("follow") == "1" {
				w.(http.Flusher).Flush() //nolint:forcetypeassert // the server's writer is one
				<-r.Context().Done()
			}
		})
	})
	return mux
}

// list are the containers with the labels that a filter names.
func list(t *testing.T, containers []Container, filter string) []container.Summary {
	var wanted struct {
		Label map[string]bool `json:"label"`
	}
	if filter != "" {
		if err := json.Unmarshal([]byte(filter), &wanted); err != nil {
			t.Error(err)
		}
	}
	found := []container.Summary{}
	for _, c := range containers {
		if has(c.Labels, slices.Collect(maps.Keys(wanted.Label))) {
			found = append(found, container.Summary{
				ID: c.Name, Names: []string{"/" + c.Name}, Labels: c.Labels, State: c.State.Status, Ports: c.Ports, Image: "sha256:0123456789abcdef",
			})
		}
	}
	return found
}

func has(labels map[string]string, wanted []string) bool {
	for _, label := range wanted {
		name, value, exact := strings.Cut(label, "=")
		got, set := labels[name]
		if !set || exact && got != value {
			return false
		}
	}
	return true
}
