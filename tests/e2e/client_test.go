//go:build e2e

package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/outputs"
)

//go:embed testdata/client.py
var clientScript string

// logged is what the script tells.
type logged struct {
	Version       string
	Params        map[string]string
	Loss          []float64
	Note          string
	Written, Read map[string]string
	Seconds       map[string]float64
	PeakMiB       int `json:"peak_mib"`
	Model         string
}

// scientist is somebody with MLflow's Python client on a machine from which the
// stack is reached as from any other: the packages of MLflow's image, which are
// pinned by hash, in a container that is on no network of the stack.
type scientist struct {
	docker    *engine.Engine
	container string
	at        site
	told      map[string]any
}

// newScientist has a token that is valid for the person.
func newScientist(t *testing.T, at site, who outputs.User, token string) *scientist {
	t.Helper()
	docker := openEngine(t)
	server, err := docker.API().ContainerInspect(t.Context(), at.told.MLflow.Container)
	require.NoError(t, err)
	var hosts []string
	for name, address := range at.hosts {
		hosts = append(hosts, name+":"+address)
	}
	created, err := docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: server.Image, Entrypoint: []string{"sleep", "1800"}},
		&container.HostConfig{NetworkMode: "host", ExtraHosts: hosts, AutoRemove: true}, nil, nil, at.told.Deployment+"-scientist")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true})
	})
	require.NoError(t, docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	return &scientist{docker, created.ID, at, map[string]any{
		"environment": map[string]string{
			"MLFLOW_TRACKING_URI": at.told.MLflow.URL, "MLFLOW_TRACKING_USERNAME": who.Email, "MLFLOW_TRACKING_PASSWORD": token,
			"HOME": "/tmp", "PYTHONIOENCODING": "utf-8",
		},
		"authority": string(at.authority), "megabytes": 0,
	}}
}

// logs runs the script.
func (s *scientist) logs(t *testing.T, what map[string]any) (logged, engine.Result) {
	t.Helper()
	told := map[string]any{"experiment": fmt.Sprintf("by-client-%d", time.Now().UnixNano())}
	for _, more := range []map[string]any{s.told, what} {
		for key, value := range more {
			told[key] = value
		}
	}
	input, err := json.Marshal(told)
	require.NoError(t, err)
	result, err := s.docker.Exec(t.Context(), s.container, []string{"python", "-c", clientScript}, engine.Stdin(strings.NewReader(string(input))))
	require.NoError(t, err)
	var got logged
	if result.ExitCode == 0 {
		lines := strings.Split(strings.TrimSpace(result.Stdout), "\n")
		require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &got))
	}
	return got, result
}

// requireReadBack compares what was read with what was written.
func requireReadBack(t *testing.T, got logged, result engine.Result) {
	t.Helper()
	require.NoError(t, result.Err())
	require.Equal(t, "3.17.2", got.Version)
	require.Equal(t, map[string]string{"rate": "0.1", "kind": "größer als"}, got.Params)
	require.Equal(t, []float64{0.5, 0.25, 0.125}, got.Loss)
	require.Equal(t, "hello", got.Note)
	require.NotEmpty(t, got.Written["small.bin"])
	require.Equal(t, got.Written, got.Read)
}

// makesToken is what the README tells a person to do.
func (p *person) makesToken(name string) string {
	p.t.Helper()
	p.sees(welcome)
	p.clicks("Permissions")
	p.clicks("Tokens")
	p.clicks("Create token")
	p.writes("#user-token-name", name)
	p.picture("new token")
	p.clicks("Create token")
	p.sees("Copy this token now.")
	token, err := chromedp.Run(p.tab, chromedp.Value(chromedp.CSS("#user-token-secret")))
	require.NoError(p.t, err)
	require.NotEmpty(p.t, token)
	// No picture of it.
	p.clicks("Done")
	p.sees(name, "Active")
	p.picture("tokens")
	return token
}

func TestTheStockClientReadsBackWhatItLogsByteForByte(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member := at.visitor(t, "scientist")
		who := at.member(t)
		member.logsIn(at, who)
		s := newScientist(t, at, who, member.makesToken(fmt.Sprintf("laptop-%d", time.Now().UnixNano())))
		member.logsOut(at) // a token outlives the session

		trusts := []string{""}
		if at.authority != nil {
			trusts = []string{"MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"}
		}
		for _, trust := range trusts {
			got, result := s.logs(t, map[string]any{"trust": trust, "megabytes": 100, "model": true})
			requireReadBack(t, got, result)
			require.NotEmpty(t, got.Read["large.bin"])
			require.NotEmpty(t, got.Model)
			t.Logf("%s: 100 MiB, seconds: %v; the client's peak is %d MiB", trust, got.Seconds, got.PeakMiB)
		}
	})
}
