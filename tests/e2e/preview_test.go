//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// previewOutput is what `preview --output json` writes.
type previewOutput struct {
	Stack   string
	Loses   bool `json:"losesData"`
	Same    int
	Changes []struct {
		Resource, Kind, Outcome, Why, Loses string
		Properties                          []struct {
			Name     string
			Old, New any
			Forces   bool
		}
	}
}

func (pr *pullRequest) previewed(t *testing.T) previewOutput {
	t.Helper()
	got := pr.preview(t, "json")
	require.Zero(t, got.code, got.stderr)
	return read(t, got)
}

func read(t *testing.T, got ended) (read previewOutput) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &read), got.stdout)
	return read
}

// seen is everything that an update could have changed: containers, networks, volumes and images
// on the host, and the stack's state and copies in the home.
func seen(t *testing.T, l *lab) map[string]string {
	t.Helper()
	found := map[string]string{}
	for kind, names := range things(t, l.name) {
		slices.Sort(names)
		found[kind] = fmt.Sprint(names)
	}
	docker := openEngine(t)
	for _, service := range []string{"postgres", "redis", "keycloak", "mlflow"} {
		inspected, err := docker.API().ContainerInspect(t.Context(), l.name+"-"+service)
		require.NoError(t, err)
		environment := sha256.Sum256([]byte(fmt.Sprint(inspected.Config.Env))) // it contains secrets
		found[service] = fmt.Sprintf("%s %s %d %x", inspected.ID, inspected.State.StartedAt, inspected.HostConfig.Memory, environment)
	}
	at, err := datadir.Open()
	require.NoError(t, err)
	for _, folder := range []string{at.State(), at.Stacks()} {
		require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.Contains(path, l.name) {
				return err
			}
			content, err := os.ReadFile(path)
			found[path] = fmt.Sprintf("%x", sha256.Sum256(content))
			return err
		}))
	}
	require.Greater(t, len(found), 9)
	return found
}

// started starts a container again and waits until it is healthy.
func started(t *testing.T, docker *engine.Engine, name string) {
	t.Helper()
	require.NoError(t, docker.API().ContainerStart(context.Background(), name, container.StartOptions{}))
	require.Eventually(t, func() bool {
		state, err := docker.State(context.Background(), name)
		return err == nil && state.Ready()
	}, 5*time.Minute, time.Second)
}

func TestAPullRequestShowsExactlyWhatItChangesAndChangesNothing(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	settings, err := os.ReadFile(l.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.file, append(settings, "  mlflow-sso:redis:\n    memoryMB: 128\n"...), 0o600))
	pr := openPullRequest(t, l)

	// The script creates the base from nothing. Compared with itself there is nothing to report.
	nothing := pr.previewed(t)
	require.Empty(t, nothing.Changes)
	require.Greater(t, nothing.Same, 20)
	require.Len(t, things(t, l.name)["containers"], 5)

	pr.change(t, "memoryMB: 128", "memoryMB: 160")
	got := pr.preview(t, "json")
	require.Zero(t, got.code, got.stderr)
	require.JSONEq(t, fmt.Sprintf(`{"stack": %q, "losesData": false, "same": %d, "changes": [{
		"resource": "redis-container", "kind": "docker Container", "outcome": "replaced", "properties": [
			{"name": "envs.REDIS_MAXMEMORY_MB", "old": "64", "new": "80", "forces": true},
			{"name": "memory", "old": 128, "new": 160},
			{"name": "memorySwap", "old": 128, "new": 160}
		]}]}`, l.name, nothing.Same-1), got.stdout)
	comment := pr.preview(t, "markdown")
	require.Zero(t, comment.code, comment.stderr)
	require.Contains(t, comment.stdout, "| replaced | `redis-container` | docker Container | **`envs.REDIS_MAXMEMORY_MB`**, `memory`, `memorySwap` |")
	require.Contains(t, comment.stdout, "\n- memory: 128\n+ memory: 160\n")

	// The preview refuses what an update would refuse, and the comment explains why.
	pr.change(t, "memoryMB: 128", "memoryMB: 1")
	got = pr.preview(t, "markdown")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stdout, "the change cannot be previewed")
	require.Contains(t, got.stdout, "mlflow-sso:redis.memoryMB: got 1, want 32")
	require.Empty(t, pr.git(t, "status", "--porcelain"))
	require.Len(t, strings.Split(pr.git(t, "worktree", "list"), "\n"), 1, "the base's worktree is left")

	// No service needs to run, and nothing changes.
	pr.change(t, "memoryMB: 128", "memoryMB: 160")
	docker := openEngine(t)
	t.Cleanup(func() { started(t, docker, l.name+"-keycloak") })
	require.NoError(t, docker.API().ContainerStop(t.Context(), l.name+"-keycloak", container.StopOptions{}))
	before := seen(t, l)
	got = pr.run(t, filepath.Join(pr.folder, "bin", "mlflow-sso"), "preview", "--stack", l.name, "--output", "json", "--exit-code")
	require.Equal(t, 3, got.code, got.stderr)
	require.Len(t, read(t, got).Changes, 1)
	require.Equal(t, before, seen(t, l))
}

// credential is the format of every derived password and key.
var credential = regexp.MustCompile(`\b[A-Za-z0-9_-]{43}\b`)

func TestAPreviewOfNewCredentialsNamesTheirContainersAndShowsNone(t *testing.T) {
	l := sharedLab(t)
	deployed := runningStack(t)
	require.Regexp(t, credential, deployed.Keycloak.Admin.Password, "this test would find nothing")
	settings, err := os.ReadFile(l.file)
	require.NoError(t, err)
	rotated := *l
	rotated.file = filepath.Join(t.TempDir(), filepath.Base(l.file))
	require.NoError(t, os.WriteFile(rotated.file, append(settings, "  mlflow-sso:credentials: {generations: {redis/default: 2, mlflow/client-secret: 2}}\n"...), 0o600))

	for _, format := range []string{"table", "json", "markdown"} {
		got := rotated.must(t, "preview", "--output", format)
		for _, name := range []string{"envs.REDIS_PASSWORD", "envs.CACHE_REDIS_URL", "envs.OIDC_CLIENT_SECRET", "clientSecret", "[secret]"} {
			require.Contains(t, got.stdout, name)
		}
		require.NotRegexp(t, credential, got.stdout)
		require.NotRegexp(t, credential, got.stderr)
	}
	require.Contains(t, l.must(t, "preview").stdout, "no change")
}

func TestAChangeThatWouldCostDataIsFlaggedAndARenameRefused(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	pr := openPullRequest(t, l)

	pr.change(t, "demoUsers: true", "demoUsers: false")
	flagged := pr.previewed(t)
	require.True(t, flagged.Loses)
	var lost []string
	for _, c := range flagged.Changes {
		if c.Loses != "" {
			require.Equal(t, "removed", c.Outcome, c.Resource)
			lost = append(lost, c.Resource)
		}
	}
	require.Equal(t, []string{"realm-user-demo-admin", "realm-user-demo-member", "realm-user-demo-outsider"}, lost)
	require.Contains(t, pr.preview(t, "markdown").stdout, "> **Data would be lost**")

	named := "mlflow-sso:name: " + l.name
	pr.change(t, named, named+"-b")
	got := pr.preview(t, "markdown")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stdout, "no volume can be renamed")
	require.Len(t, things(t, l.name)["volumes"], 2)
}

func TestAStackThatWasNeverUpIsPreviewedAndStillIsNot(t *testing.T) {
	l, err := newLab(t.TempDir())
	require.NoError(t, err)

	got, err := l.run(context.Background(), "preview", "--exit-code")
	require.NoError(t, err)
	require.Equal(t, 3, got.code, got.stderr)
	require.Contains(t, got.stdout, "created   postgres-data")
	require.NotContains(t, got.stdout, "replaced")

	require.Empty(t, things(t, l.name))
	at, err := datadir.Open()
	require.NoError(t, err)
	require.NoDirExists(t, at.Stack(l.name))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(at.Stack(l.name))) }) // a program that looks for outputs creates it
	got, err = l.run(context.Background(), "outputs")
	require.NoError(t, err)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stderr, "the stack is not up")
}
