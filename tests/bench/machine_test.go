//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/mlflow-sso/mlflow-sso/internal/host/baseimage"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// machine is the state that the measurements share.
type machine struct {
	root   string
	home   datadir.Home
	docker *engine.Engine
	tools  *toolchain.Toolchain
	log    *progress.Log

	// run is part of the name of everything that is created.
	run string
	// mlflowPort and keycloakPort are free ports of 127.0.0.1. All stacks use the same, one after
	// the other: addresses are part of a container's environment.
	mlflowPort, keycloakPort int
	// images are what the measured stacks run, by service.
	images map[string]string
	// files holds the stack files.
	files string
}

func openMachine(ctx context.Context, t *testing.T) *machine {
	m := &machine{
		log: progress.New(os.Stderr), run: "bench-" + strings.ToLower(rand.Text()[:6]),
		images: map[string]string{}, files: t.TempDir(),
	}
	var err error
	m.root, err = workingcopy.Find(".")
	require.NoError(t, err)
	m.home, err = datadir.Open()
	require.NoError(t, err)
	m.docker, err = engine.Open(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.docker.Close() })
	require.NoError(t, baseimage.Ensure(ctx, m.docker, m.log, baseimage.Reference, ""))
	m.tools, err = toolchain.Ensure(ctx, m.home, m.root, toolchain.Preferred, m.log)
	require.NoError(t, err)
	m.mlflowPort = freePort(t)
	for m.keycloakPort = freePort(t); m.keycloakPort == m.mlflowPort; {
		m.keycloakPort = freePort(t)
	}
	return m
}

func freePort(t *testing.T) int {
	ports, err := freeport.Ports(1)
	require.NoError(t, err)
	return ports[0]
}

// stackFile writes the settings of a stack like `dev`, with the images if there are any.
func (m *machine) stackFile(t *testing.T, name string) string {
	localhost := func(port int) map[string]any {
		return map[string]any{"publicURL": fmt.Sprintf("http://localhost:%d", port), "port": port}
	}
	settings := map[string]any{
		"mlflow-sso:name":     name,
		"mlflow-sso:mlflow":   localhost(m.mlflowPort),
		"mlflow-sso:keycloak": localhost(m.keycloakPort),
		"mlflow-sso:realm":    map[string]any{"sslRequired": "none", "demoUsers": true},
	}
	if len(m.images) > 0 {
		settings["mlflow-sso:images"] = m.images
	}
	content, err := yaml.Marshal(map[string]any{"config": settings})
	require.NoError(t, err)
	file := filepath.Join(m.files, "Pulumi."+name+".yaml")
	require.NoError(t, os.WriteFile(file, content, 0o600))
	return file
}

// openStack opens a stack that is destroyed at the end, with its data.
func (m *machine) openStack(ctx context.Context, t *testing.T, name string) *stack.Stack {
	return m.openStackFile(ctx, t, name, m.stackFile(t, name))
}

func (m *machine) openStackFile(ctx context.Context, t *testing.T, name, file string) *stack.Stack {
	program := filepath.Join(m.root, "bin", "mlflow-sso")
	own, err := toolchain.OwnPlugin(m.home, program)
	require.NoError(t, err)
	options := stack.Options{
		Name: name, File: file, Repository: m.root, Home: m.home, Docker: m.docker,
		PulumiRoot: m.tools.Root, PulumiHome: m.tools.PulumiHome, Environment: m.tools.Environment,
		Program: program, Plugin: own,
	}
	made, err := stack.Open(ctx, options)
	require.NoError(t, err)
	t.Cleanup(func() {
		if _, err := os.Stat(m.home.Stack(name)); os.IsNotExist(err) {
			return // destroyed
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeToCleanUp)
		defer cancel()
		require.NoError(t, m.destroy(ctx, made))
	})
	return made
}

func (m *machine) destroy(ctx context.Context, s *stack.Stack) error {
	return m.log.Step(ctx, "take "+s.Name+" down", func(ctx context.Context, step *progress.Step) error {
		_, err := lifecycle.Destroy(ctx, s, step, true)
		return err
	})
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
