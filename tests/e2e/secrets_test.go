//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

func TestNoCredentialIsInALabelACommandALogOrTheState(t *testing.T) {
	l := sharedLab(t)
	deployed := runningStack(t)
	requireAllPassed(t, prove(t, deployed)) // so that the logs have something to report
	api := openEngine(t).API()
	secrets := map[string]string{"Keycloak's administrator": deployed.Keycloak.Admin.Password, "the service account": deployed.Keycloak.Provider.Secret}
	for _, user := range deployed.DemoUsers {
		secrets[user.Username] = user.Password
	}
	places := map[string][]byte{}
	for _, component := range []string{"postgres", "redis", "keycloak", "mlflow", "keeper"} {
		name := l.name + "-" + component
		seen, err := api.ContainerInspect(t.Context(), name)
		require.NoError(t, err)
		for _, pair := range seen.Config.Env {
			// The containers' environments contain the other credentials.
			if key, value, _ := bytes.Cut([]byte(pair), []byte("=")); len(value) == 43 {
				secrets[name+" "+string(key)] = string(value)
			}
		}
		seen.Config.Env = nil
		places["inspection of "+name], err = json.Marshal(seen)
		require.NoError(t, err)
		stream, err := api.ContainerLogs(t.Context(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true})
		require.NoError(t, err)
		var said bytes.Buffer
		_, err = stdcopy.StdCopy(&said, &said, stream)
		require.NoError(t, err)
		require.NoError(t, stream.Close())
		require.NotEmpty(t, said.Bytes())
		places["log of "+name] = said.Bytes()
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range commands {
		if content, err := os.ReadFile(path); err == nil {
			places[path] = content
		}
	}
	at, err := datadir.Open()
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(at.State(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		places[path], err = io.ReadAll(file)
		return err
	}))

	require.Greater(t, len(secrets), 10)
	for who, secret := range secrets {
		require.Len(t, secret, 43, who)
		for where, content := range places {
			require.False(t, bytes.Contains(content, []byte(secret)), "the credential of %s is in %s", who, where)
		}
	}
}
