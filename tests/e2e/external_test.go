//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

var databases = []string{"mlflow", "mlflow_auth", "keycloak"}

// sql runs statements as the server's operator.
func (s *servers) sql(t *testing.T, database, statements string, more ...string) string {
	t.Helper()
	command := append([]string{
		"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1",
		"--host=/tmp", fmt.Sprintf("--port=%d", s.postgres), "--username=postgres", "--dbname=" + database, "--file=-",
	}, more...)
	got, err := s.docker.Exec(context.WithoutCancel(t.Context()), s.postgresID, command, engine.Stdin(strings.NewReader(statements)))
	require.NoError(t, err)
	require.NoError(t, got.Err())
	return strings.TrimSpace(got.Stdout)
}

// makes runs the documented statements unchanged, except for the folder of the passwords and the
// test's changes.
func (s *servers) makes(t *testing.T, prefix string, change ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sharedLab(t).root, "docs", "how-to", "external-services.md"))
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```sql\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, found, "no statements in the document")
	statements := strings.NewReplacer(append([]string{"/etc/mlflow-sso/", "/tmp/secrets/"}, change...)...).Replace(string(found[1]))
	for _, name := range databases {
		script := fmt.Sprintf("mkdir -p /tmp/secrets && cat >/tmp/secrets/%s%s", prefix, name)
		got, err := s.docker.Exec(t.Context(), s.postgresID, []string{"bash", "-c", script}, engine.Stdin(strings.NewReader(s.secret(t, name))))
		require.NoError(t, err)
		require.NoError(t, got.Err())
		s.sql(t, "postgres", statements, "--set=name="+prefix+name)
	}
}

// settings are those of a stack whose data is all external.
func (s *servers) settings(prefix string) string {
	file := func(name string) string { return filepath.Join(s.secrets, name) }
	return fmt.Sprintf(`  mlflow-sso:images:
    mlflow: %s
    keycloak: %s
  mlflow-sso:postgres:
    external:
      host: %s
      port: %d
      prefix: "%s"
      passwordFiles: {mlflow: %s, mlflow_auth: %s, keycloak: %s}
  mlflow-sso:redis:
    external: {host: %[3]s, port: %[9]d, passwordFile: %s}
  mlflow-sso:artifacts:
    s3:
      bucket: artifacts
      prefix: %[5]steam
      endpoint: https://%[3]s:%[11]d
      accessKeyID: E2EKEY
      secretKeyFile: %[12]s
`, s.mlflow, s.keycloak, s.address, s.postgres, prefix, file("mlflow"), file("mlflow_auth"), file("keycloak"), s.redis, file("redis"), s.s3, file("s3"))
}

// with changes the lab's settings for the duration of the test.
func (l *lab) with(t *testing.T, change func(settings string) string) {
	t.Helper()
	before, err := os.ReadFile(l.file)
	require.NoError(t, err)
	after := change(string(before))
	require.NotEqual(t, string(before), after, "the change changes nothing")
	require.NoError(t, os.WriteFile(l.file, []byte(after), 0o600))
	t.Cleanup(func() { require.NoError(t, os.WriteFile(l.file, before, 0o600)) })
}

// soon is the time limit of a refusal, on a busy machine: far less than the wait for a container.
const soon = 2 * time.Minute

func refusedSoon(t *testing.T, l *lab, words ...string) {
	t.Helper()
	began := time.Now()
	refused(t, l, words...)
	require.Less(t, time.Since(began), soon)
}

// kept is an experiment with a file, which a member has logged.
type kept struct {
	experiment, path string
	content          []byte
}

func logsAFile(t *testing.T, deployed outputs.Stack) kept {
	t.Helper()
	member := signIn(t, deployed, "demo-member")
	var experiment struct {
		ID string `json:"experiment_id"`
	}
	call(t, member, deployed, "experiments/create", map[string]string{"name": "external"}, &experiment)
	var run struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	call(t, member, deployed, "runs/create", map[string]any{"experiment_id": experiment.ID, "start_time": time.Now().UnixMilli()}, &run)
	k := kept{experiment.ID, experiment.ID + "/" + run.Run.Info.ID + "/artifacts/weights.bin", make([]byte, 7<<20)}
	_, _ = rand.Read(k.content)
	page, err := member.Fetch(t.Context(), http.MethodPut, k.at(deployed), http.Header{"Content-Type": {"application/octet-stream"}}, k.content)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status, "%s", page.Body)
	return k
}

func (k kept) at(deployed outputs.Stack) string {
	return deployed.MLflow.URL + "/api/2.0/mlflow-artifacts/artifacts/" + k.path
}

func (k kept) requireThere(t *testing.T, deployed outputs.Stack) {
	t.Helper()
	page, err := signIn(t, deployed, "demo-member").Fetch(t.Context(), http.MethodGet, k.at(deployed), nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status, "%s", page.Body)
	require.True(t, bytes.Equal(k.content, page.Body), "got %d bytes that are not the %d that were logged", len(page.Body), len(k.content))
}

// inBucket are the bucket's files by the length of their content, without the store's own.
func (s *servers) inBucket(t *testing.T) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	require.NoError(t, filepath.WalkDir(s.bucket, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, "/.sgwtmp") {
			return err
		}
		info, err := entry.Info()
		name, _ := filepath.Rel(s.bucket, path)
		found[name] = info.Size()
		return err
	}))
	return found
}

// A stack without data on this host: brought up, used, broken and torn down; all external data
// still exists.
func TestAStackWithExternalData(t *testing.T) {
	nightly(t)
	s := startServers(t)
	l := ownLab(t)
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.file, append(text, s.settings("")...), 0o600))

	// Not created yet: reported before any container exists, and soon.
	refusedSoon(t, l, "postgres.external: database keycloak at ", "postgres.external: database mlflow_auth at ", "docs/how-to/external-services.md")
	require.Empty(t, things(t, l.name)["containers"])
	require.Empty(t, things(t, l.name)["networks"])

	s.makes(t, "")
	got := l.must(t, "up")
	require.Contains(t, got.stdout, "database-access")
	require.Contains(t, got.stdout, "artifact-store")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)

	var passing []string // volumes without a name
	t.Run("nothing of it is on this host", func(t *testing.T) {
		made := things(t, l.name)
		require.ElementsMatch(t, []string{"/" + l.name + "-keeper", "/" + l.name + "-keycloak", "/" + l.name + "-mlflow"}, made["containers"])
		require.Equal(t, []string{l.name + "-edge"}, made["networks"])
		require.Empty(t, made["volumes"])
		seen, err := openEngine(t).API().ContainerInspect(t.Context(), l.name+"-mlflow")
		require.NoError(t, err)
		for _, mount := range seen.Mounts {
			require.NotContains(t, mount.Name, l.name)
			if mount.Type == "volume" {
				passing = append(passing, mount.Name)
			}
		}
	})
	t.Run("a second up and a refresh find nothing to change", func(t *testing.T) {
		require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")
		require.Contains(t, l.must(t, "drift").stdout, "no drift")
	})
	t.Run("every session at the server is encrypted", func(t *testing.T) {
		const sessions = `select usename || ' ' || bool_and(ssl) from pg_stat_activity join pg_stat_ssl using (pid)
			where usename <> 'postgres' group by usename order by usename`
		require.Equal(t, "keycloak true\nmlflow true\nmlflow_auth true", s.sql(t, "postgres", sessions))
	})
	logged := logsAFile(t, deployed)
	t.Run("a file goes through MLflow into the bucket and back", func(t *testing.T) {
		logged.requireThere(t, deployed)
		content, err := os.ReadFile(filepath.Join(s.bucket, "team", logged.path))
		require.NoError(t, err)
		require.True(t, bytes.Equal(logged.content, content))
	})
	t.Run("a file that is larger than the server's memory for it goes through", func(t *testing.T) { passesALargeFile(t, deployed, logged) })
	t.Run("mistakes are named soon and stop nothing that runs", func(t *testing.T) { namesMistakes(t, s, l) })
	t.Run("verify finds what is open", func(t *testing.T) { findsWhatIsOpen(t, s, deployed) })
	t.Run("destroy and up go on with what is there", func(t *testing.T) {
		got := l.must(t, "destroy")
		require.Len(t, passing, 1, "what goes through the server")
		_, err := openEngine(t).API().VolumeInspect(t.Context(), passing[0])
		require.True(t, errdefs.IsNotFound(err), "got %v, want the volume to be gone with its container", err)
		require.Contains(t, got.stderr, "not changed: databases mlflow, mlflow_auth and keycloak at "+s.address)
		require.Empty(t, things(t, l.name))
		l.must(t, "up")
		again, err := l.outputs(t.Context())
		require.NoError(t, err)
		logged.requireThere(t, again)
	})
	t.Run("destroy with data leaves what is external, and a new start says why it fails", func(t *testing.T) {
		before := s.inBucket(t)
		l.must(t, "destroy", "--delete-data", "--yes")
		require.Empty(t, things(t, l.name))
		require.Equal(t, before, s.inBucket(t))
		require.Equal(t, int64(len(logged.content)), before["team/"+logged.path])
		require.Equal(t, "1", s.sql(t, "mlflow", "select count(*) from experiments where experiment_id = "+logged.experiment))
		require.Equal(t, "1", s.sql(t, "keycloak", "select count(*) from realm where name = 'mlflow'"))

		refused(t, l, "its database was created with another root secret", "drop the database there and create it again")
	})
}

// Volumes that are no longer used contain data that may not have been moved: here it was not.
func TestDataThatMovesToExternalServicesStaysWhereItWas(t *testing.T) {
	nightly(t)
	s := startServers(t)
	l := ownLab(t)
	l.must(t, "up", "--no-verify")
	left := []string{l.name + "-postgres-data", l.name + "-mlflow-artifacts"}
	docker := openEngine(t)
	t.Cleanup(func() {
		for _, name := range left {
			_ = docker.API().VolumeRemove(context.Background(), name, true)
		}
	})
	s.makes(t, "moved_")
	text, err := os.ReadFile(l.file)
	require.NoError(t, err)
	protected := "  mlflow-sso:protectData: true\n"
	require.NoError(t, os.WriteFile(l.file, append(text, protected...), 0o600))
	l.must(t, "up", "--no-verify")
	require.NoError(t, os.WriteFile(l.file, append(text, protected+s.settings("moved_")...), 0o600))

	got := l.must(t, "up")

	require.Contains(t, got.stderr, "no longer part of the stack: volumes "+strings.Join(left, ", "))
	require.ElementsMatch(t, left, things(t, l.name)["volumes"])
	require.Len(t, things(t, l.name)["containers"], 3)
	require.Contains(t, l.must(t, "up", "--no-verify").stderr, "no change")

	// The content of an old volume is as old as the move: returning to it must be explicit.
	require.NoError(t, os.WriteFile(l.file, text, 0o600))
	refused(t, l, "because its data was moved to an external service", "docker volume rm")

	require.NoError(t, os.WriteFile(l.file, append(text, s.settings("moved_")...), 0o600))
	l.must(t, "up", "--no-verify") // without the protection
	got = l.must(t, "destroy", "--delete-data", "--yes")
	require.Contains(t, got.stderr, "docker volume rm "+left[1]+" "+left[0])
	found, err := docker.API().VolumeList(t.Context(), volume.ListOptions{})
	require.NoError(t, err)
	for _, name := range left {
		require.True(t, slices.ContainsFunc(found.Volumes, func(v *volume.Volume) bool { return v.Name == name }), "%s is gone", name)
	}
	containers, err := docker.API().ContainerList(t.Context(), container.ListOptions{All: true})
	require.NoError(t, err)
	for _, c := range containers {
		require.NotContains(t, strings.Join(c.Names, " "), l.name)
	}
}
