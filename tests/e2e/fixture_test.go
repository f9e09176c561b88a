//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
)

// lab is a test's own stack: own name, ports and stack file. It is driven through the tool, like
// an operator.
type lab struct {
	name, file string
	// mlflow and keycloak are the ports of a stack on localhost.
	mlflow, keycloak int
	root, tool       string
	env              []string
}

// newLab writes the stack file of a stack on localhost; nothing is up yet.
func newLab(folder string) (*lab, error) {
	l, err := nameLab(folder)
	if err != nil {
		return nil, err
	}
	ports, err := freeport.Ports(2)
	if err != nil {
		return nil, err
	}
	l.mlflow, l.keycloak = ports[0], ports[1]
	return l, os.WriteFile(l.file, fmt.Appendf(nil, `config:
  mlflow-sso:name: %[1]s
  mlflow-sso:mlflow:
    publicURL: http://localhost:%[2]d
    port: %[2]d
  mlflow-sso:keycloak:
    publicURL: http://localhost:%[3]d
    port: %[3]d
  mlflow-sso:realm:
    sslRequired: none
    demoUsers: true
`, l.name, l.mlflow, l.keycloak), 0o600)
}

// nameLab is a lab without a stack file.
func nameLab(folder string) (*lab, error) {
	root, err := workingcopy.Find(".")
	if err != nil {
		return nil, err
	}
	random := make([]byte, 3)
	_, _ = rand.Read(random)
	l := &lab{name: "e2e-" + hex.EncodeToString(random), root: root, tool: filepath.Join(root, "bin", "mlflow-sso")}
	if _, err := os.Stat(l.tool); err != nil {
		return nil, fmt.Errorf("the tool is not built: run `make e2e`: %w", err)
	}
	l.file = filepath.Join(folder, "Pulumi."+l.name+".yaml")
	return l, nil
}

// ended is the result of a run of the tool.
type ended struct {
	stdout, stderr string
	code           int
}

// command is the tool with the lab's stack.
func (l *lab) command(ctx context.Context, verb string, more ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, l.tool, append([]string{verb, "--stack", l.name, "--file", l.file}, more...)...)
	command.Dir = l.root
	command.Env = append(os.Environ(), l.env...)
	return command
}

func (l *lab) run(ctx context.Context, verb string, more ...string) (ended, error) {
	command := l.command(ctx, verb, more...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return ended{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}, err
}

// allPassed is the last line of a proof without failed or skipped checks.
const allPassed = `ok  (\d+) checks: (\d+) passed, in `

// must runs the tool and requires success, also at the end of a test, when the test's own context
// has ended.
func (l *lab) must(t *testing.T, verb string, more ...string) ended {
	t.Helper()
	got, err := l.run(context.WithoutCancel(t.Context()), verb, more...)
	require.NoError(t, err)
	require.Zero(t, got.code, "%s\n%s", got.stderr, got.stdout)
	return got
}

// outputs are read from the state, as every command does.
func (l *lab) outputs(ctx context.Context) (deployed outputs.Stack, err error) {
	command := exec.CommandContext(ctx, filepath.Join(l.root, "bin", "mlflow-sso"), "outputs", "--stack", l.name, "--file", l.file)
	command.Dir, command.Env = l.root, append(os.Environ(), l.env...)
	raw, err := command.Output()
	if err != nil {
		return deployed, fmt.Errorf("outputs of %s: %w", l.name, err)
	}
	return deployed, json.Unmarshal(raw, &deployed)
}

// ownLab is a lab for one test, which removes it completely.
func ownLab(t *testing.T, env ...string) *lab {
	t.Helper()
	inLane(t, ownLane)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	l.env = env
	t.Cleanup(func() {
		got, err := l.run(context.Background(), "destroy", "--delete-data", "--yes")
		require.NoError(t, err)
		require.Zero(t, got.code, got.stderr)
	})
	return l
}

// common is one stack for all tests that leave it unchanged.
type common struct {
	once     sync.Once
	make     func(folder string) (*lab, error)
	lab      *lab
	deployed outputs.Stack
	err      error
}

// shared is like the dev stack, public like the prod stack.
var shared, public = &common{make: newLabWithAccount}, &common{make: newPublicLab}

// toRemove are the running stacks that tests share.
var toRemove []*lab

// up brings the stack up for the first test that needs it.
func (c *common) up(t *testing.T) *lab {
	t.Helper()
	inLane(t, sharedLane)
	c.once.Do(func() {
		folder, err := os.MkdirTemp("", "mlflow-sso-e2e-")
		if err != nil {
			c.err = err
			return
		}
		if c.lab, c.err = c.make(folder); c.err != nil {
			return
		}
		toRemove = append(toRemove, c.lab)
		got, err := c.lab.run(context.Background(), "up")
		if err == nil && got.code != 0 {
			err = fmt.Errorf("up ended with %d:\n%s\n%s", got.code, got.stderr, got.stdout)
		}
		if err == nil {
			c.deployed, err = c.lab.outputs(context.Background())
		}
		c.err = err
	})
	require.NoError(t, c.err)
	return c.lab
}

func sharedLab(t *testing.T) *lab { t.Helper(); return shared.up(t) }

// runningStack are the outputs of the shared stack.
func runningStack(t *testing.T) outputs.Stack {
	t.Helper()
	sharedLab(t)
	deployed := shared.deployed
	deployed.DemoUsers = append([]outputs.User(nil), deployed.DemoUsers...)
	return deployed
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, l := range toRemove {
		got, err := l.run(context.Background(), "destroy", "--delete-data", "--yes")
		if err != nil || got.code != 0 {
			_, _ = fmt.Fprintln(os.Stderr, "a shared stack could not be removed:", err, strings.TrimSpace(got.stderr))
			code = 1
		}
		_ = os.RemoveAll(filepath.Dir(l.file))
	}
	os.Exit(code)
}
