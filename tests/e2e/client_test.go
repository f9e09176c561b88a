//go:build e2e

package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

//go:embed testdata/client.py
var clientScript string

// logged is the script's report.
type logged struct {
	Version       string
	Params        map[string]string
	Loss          []float64
	Note          string
	Written, Read map[string]string
	Seconds       map[string]float64
	PeakMiB       int `json:"peak_mib"`
	Model         string
	// Experiment is its name, Page where a browser sees the run.
	Experiment, Page string
}

// scientist is a user with MLflow's Python client on another machine: the packages of MLflow's
// image, which are pinned by hash, in a container outside of the stack's networks.
type scientist struct {
	docker    *engine.Engine
	container string
	at        site
	given     map[string]any
}

// newScientist has a token that is valid for the person.
func newScientist(t *testing.T, at site, who outputs.User, token string) *scientist {
	t.Helper()
	docker := openEngine(t)
	server, err := docker.API().ContainerInspect(t.Context(), at.deployed.MLflow.Container)
	require.NoError(t, err)
	var hosts []string
	for name, address := range at.hosts {
		hosts = append(hosts, name+":"+address)
	}
	created, err := docker.API().ContainerCreate(t.Context(),
		&container.Config{Image: server.Image, Entrypoint: []string{"sleep", "1800"}},
		&container.HostConfig{NetworkMode: "host", ExtraHosts: hosts, AutoRemove: true}, nil, nil, at.deployed.Deployment+"-scientist")
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	require.NoError(t, docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	return &scientist{docker, created.ID, at, map[string]any{
		"environment": map[string]string{
			"MLFLOW_TRACKING_URI": at.deployed.MLflow.URL, "MLFLOW_TRACKING_USERNAME": who.Email, "MLFLOW_TRACKING_PASSWORD": token,
			"HOME": "/tmp", "PYTHONIOENCODING": "utf-8",
		},
		"authority": string(at.authority), "megabytes": 0,
	}}
}

// logs runs the script.
func (s *scientist) logs(t *testing.T, what map[string]any) (logged, engine.Result) {
	t.Helper()
	given := map[string]any{"experiment": fmt.Sprintf("by-client-%d", time.Now().UnixNano())}
	for _, more := range []map[string]any{s.given, what} {
		for key, value := range more {
			given[key] = value
		}
	}
	input, err := json.Marshal(given)
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

// makesToken follows the README's steps.
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

// variableMegabytes is the size of an artifact through the edge, for a run with more time and
// disk: 5120 is the edge's limit.
const variableMegabytes = "MLFLOW_SSO_E2E_MEGABYTES"

func TestTheStockClientReadsBackWhatItLogsByteForByte(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member := at.visitor(t, "scientist")
		who := at.member(t)
		member.logsIn(at, who)
		s := newScientist(t, at, who, member.makesToken(fmt.Sprintf("laptop-%d", time.Now().UnixNano())))
		member.logsOut(at) // a token outlives the session

		trusts, megabytes := []string{""}, 100
		if at.authority != nil {
			trusts, megabytes = []string{"MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE"}, 300
			if size, asked := os.LookupEnv(variableMegabytes); asked {
				var err error
				megabytes, err = strconv.Atoi(size)
				require.NoError(t, err, variableMegabytes)
				trusts = trusts[:1]
			}
		}
		for _, trust := range trusts {
			got, result := s.logs(t, map[string]any{"trust": trust, "megabytes": megabytes, "model": true})
			requireReadBack(t, got, result)
			require.NotEmpty(t, got.Read["large.bin"])
			require.NotEmpty(t, got.Model)
			t.Logf("%d MiB, %s: seconds %v; the client's peak is %d MiB", megabytes, trust, got.Seconds, got.PeakMiB)
		}
	})
}

func TestWhatTheClientLogsIsSeenInTheBrowserWithItsArtifacts(t *testing.T) {
	onEveryStack(t, func(t *testing.T, at site) {
		member := at.visitor(t, "reader")
		who := at.member(t)
		member.logsIn(at, who)
		s := newScientist(t, at, who, member.makesToken(fmt.Sprintf("notebook-%d", time.Now().UnixNano())))
		trust := ""
		if at.authority != nil {
			trust = "MLFLOW_TRACKING_SERVER_CERT_PATH"
		}
		got, result := s.logs(t, map[string]any{"trust": trust, "keep": true})
		requireReadBack(t, got, result)

		member.open(at.deployed.MLflow.URL + got.Page)
		member.sees("loss", "0.125", "kind", "größer als", who.Email, "Finished")
		member.picture("run")
		member.clicks("Artifacts")
		member.clicks("note.txt")
		member.sees("hello")
		member.picture("text artifact")
		member.clicks("page.html")
		member.sees("Path: mlflow-artifacts:/")
		member.picture("HTML artifact") // a script in its own sandbox: no header of the edge forbids it
		member.deletesExperiment(got.Experiment)
		member.logsOut(at)
	})
}

// The control of all other https requests.
func TestAClientThatDoesNotKnowTheAuthorityRefusesToTalk(t *testing.T) {
	nightly(t)
	at := prodSite(t)
	s := newScientist(t, at, at.member(t), "a token that is never sent")
	// By default the client retries for four minutes before it fails.
	s.given["environment"].(map[string]string)["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"

	_, result := s.logs(t, nil)

	require.Equal(t, 1, result.ExitCode)
	require.Contains(t, result.Stderr, "CERTIFICATE_VERIFY_FAILED")
}

func TestABrowserThatDoesNotKnowTheAuthorityShowsNoPage(t *testing.T) {
	nightly(t)
	at := prodSite(t)
	for name, authority := range map[string][]byte{"untrusting": nil, "trusting": at.authority} {
		p := newPerson(t, "prod-"+name+"-at-the-door", at.ports(t), at.hosts, authority)
		err := p.do(chromedp.Navigate(at.deployed.MLflow.URL))
		if authority == nil {
			require.ErrorContains(t, err, "ERR_CERT_AUTHORITY_INVALID")
			p.sees("Your connection is not private")
		} else {
			require.NoError(t, err)
			p.sees(passwordForm)
		}
		p.picture("first sight")
	}
}
