//go:build chaos

// Package chaos breaks a stack under load and measures what users see, how it recovers,
// and whether acknowledged writes survive.
package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/freesubnet"
)

// lab is the stack under test: like prod, with an edge, and with snapshots. It is driven through
// the tool, like an operator.
type lab struct {
	name, file, tool, root string
	settings               map[string]any
}

func newLab(t *testing.T) *lab {
	t.Helper()
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	ports, err := freeport.Ports(3)
	require.NoError(t, err)
	subnet, err := freesubnet.Subnet()
	require.NoError(t, err)
	folder := t.TempDir()
	snapshots, passphrase := filepath.Join(folder, "snapshots"), filepath.Join(folder, "passphrase")
	require.NoError(t, os.Mkdir(snapshots, 0o700))
	require.NoError(t, os.Chown(snapshots, 10073, 10073)) // the user of the container that takes them
	require.NoError(t, os.WriteFile(passphrase, []byte("a passphrase for tests alone"), 0o600))

	l := &lab{name: fmt.Sprintf("chaos-%d", ports[0]), root: root, tool: filepath.Join(root, "bin", "mlflow-sso")}
	require.FileExists(t, l.tool, "run `make chaos`, which builds it")
	l.file = filepath.Join(folder, "Pulumi."+l.name+".yaml")
	l.settings = map[string]any{
		"mlflow-sso:name":          l.name,
		"mlflow-sso:restartPolicy": "always", // as in prod: with unless-stopped nothing restarts with a daemon that crashed
		"mlflow-sso:edge": map[string]any{
			"certificates": "internal", "address": "127.0.0.1", "httpPort": ports[0], "httpsPort": ports[1],
			"subnet": subnet.String(), "loginsPerMinute": 2000, "requestsPerSecond": 2000,
		},
		"mlflow-sso:mlflow":   map[string]any{"publicURL": fmt.Sprintf("https://mlflow.%s.test:%d", l.name, ports[1])},
		"mlflow-sso:keycloak": map[string]any{"publicURL": fmt.Sprintf("https://auth.%s.test:%d", l.name, ports[1]), "port": ports[2]},
		"mlflow-sso:realm":    map[string]any{"sslRequired": "external"},
		"mlflow-sso:backup":   map[string]any{"directory": snapshots, "recoveryPassphraseFile": passphrase, "interval": "0s"},
	}
	l.write(t)
	t.Cleanup(func() { l.must(t, "destroy", "--delete-data", "--yes") })
	return l
}

// write writes the stack file. JSON is YAML.
func (l *lab) write(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"config": l.settings})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.file, text, 0o600))
}

func (l *lab) command(verb string, more ...string) *exec.Cmd {
	// Its cleanup must complete, even after the test's own time limit.
	command := exec.CommandContext(context.Background(), l.tool, append([]string{verb, "--stack", l.name, "--file", l.file}, more...)...)
	command.Dir = l.root
	return command
}

// must runs the tool, demands success, and returns its results.
func (l *lab) must(t *testing.T, verb string, more ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := l.command(verb, more...)
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Run(), "%s\n%s", &stderr, &stdout)
	return stdout.String()
}

func (l *lab) outputs(t *testing.T) (deployed outputs.Stack) {
	t.Helper()
	// Not shown when it fails: it contains passwords.
	raw, err := l.command("outputs").Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &deployed))
	return deployed
}
