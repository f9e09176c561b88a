//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
)

// database is a standalone server from images/postgres, with tables as in MLflow, and a client in
// another container, whose memory does not count.
type database struct {
	*testing.T
	docker         *engine.Engine
	server, client string
}

const databasePassword = "of a test"

// startDatabase starts one with a memory limit in MiB.
func startDatabase(t *testing.T, image string, memoryMB int) *database {
	t.Helper()
	docker, name := openEngine(t), fmt.Sprintf("e2e-database-%d", time.Now().UnixNano())
	made, err := docker.API().NetworkCreate(t.Context(), name, network.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, docker.API().NetworkRemove(context.Background(), made.ID)) })
	limit, initialize := int64(memoryMB)<<20, true
	created, err := docker.API().ContainerCreate(t.Context(), &container.Config{Image: image, Env: []string{
		"POSTGRES_SUPERUSER_PASSWORD=" + databasePassword, "POSTGRES_DATABASES=mlflow", "POSTGRES_PASSWORD_MLFLOW=" + databasePassword,
		fmt.Sprintf("POSTGRES_MEMORY_MB=%d", memoryMB),
	}}, &container.HostConfig{
		NetworkMode: container.NetworkMode(name), Init: &initialize, ReadonlyRootfs: true, Tmpfs: map[string]string{"/tmp": "size=64m"},
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
		Resources: container.Resources{Memory: limit, MemorySwap: limit},
	}, &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: {Aliases: []string{"postgres"}}}}, nil, name)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, docker.API().ContainerRemove(context.Background(), created.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	require.NoError(t, docker.API().ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	d := &database{T: t, docker: docker, server: created.ID, client: guest(t, docker, image, name, "sleep", "1800")}
	require.Eventually(t, func() bool {
		got, err := docker.Exec(t.Context(), d.server, []string{"healthcheck"})
		return err == nil && got.ExitCode == 0
	}, 2*time.Minute, time.Second)
	return d
}

// query runs statements as the role mlflow, over the network, and discards the results.
func (d *database) query(ctx context.Context, statements string) (engine.Result, error) {
	return d.docker.Exec(ctx, d.client, []string{"sh", "-c", `read -r PGPASSWORD && export PGPASSWORD &&
exec psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --host=postgres --username=mlflow --dbname=mlflow --output=/dev/null`},
		engine.Stdin(strings.NewReader(databasePassword+"\n"+statements)))
}

// fill creates MLflow's tables for a search, with that many runs.
func (d *database) fill(runs int) {
	d.Helper()
	var script strings.Builder
	script.WriteString(`SET synchronous_commit = off; SET statement_timeout = 0;
CREATE TABLE runs (run_uuid varchar(32) PRIMARY KEY, name varchar(250), experiment_id int, lifecycle_stage varchar(20), start_time bigint, artifact_uri varchar(200));
CREATE TABLE params (key varchar(250), value varchar(8000), run_uuid varchar(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key varchar(250), value varchar(8000), run_uuid varchar(32), PRIMARY KEY (key, run_uuid));
CREATE TABLE latest_metrics (key varchar(250), value float8, is_nan bool, run_uuid varchar(32), PRIMARY KEY (key, run_uuid));
`)
	fmt.Fprintf(&script, `INSERT INTO runs SELECT md5(i::text), 'run ' || i, 1, 'active', i, 'mlflow-artifacts:/1/' || md5(i::text) || '/artifacts' FROM generate_series(1, %[1]d) i;
INSERT INTO params SELECT 'p' || k, (i %% 1000)::text, md5(i::text) FROM generate_series(1, %[1]d) i, generate_series(0, 1) k;
INSERT INTO tags SELECT 't', CASE WHEN i %% 3 = 0 THEN 'x' ELSE 'y' END, md5(i::text) FROM generate_series(1, %[1]d) i;
INSERT INTO latest_metrics SELECT 'm' || k, random(), false, md5(i::text) FROM generate_series(1, %[1]d) i, generate_series(0, 2) k;
ANALYZE;
`, runs)
	got, err := d.query(d.Context(), script.String())
	require.NoError(d, err)
	require.NoError(d, got.Err())
}

// search is a statement as MLflow writes it: a join for each condition, one more for each sort
// key, and no condition on an indexed column.
func search(conditions, orders int) string {
	var joins, columns, keys strings.Builder
	for i := range conditions {
		fmt.Fprintf(&joins, " JOIN (SELECT run_uuid FROM params WHERE key = 'p%d' AND value <> 'x') AS c%[1]d ON runs.run_uuid = c%[1]d.run_uuid", i)
	}
	for i := range orders {
		fmt.Fprintf(&joins, " LEFT OUTER JOIN (SELECT value, run_uuid FROM latest_metrics WHERE key = 'm%d') AS o%[1]d ON runs.run_uuid = o%[1]d.run_uuid", i)
		fmt.Fprintf(&columns, ", o%d.value AS v%[1]d", i)
		fmt.Fprintf(&keys, "o%d.value DESC, ", i)
	}
	return fmt.Sprintf("SELECT DISTINCT runs.*%s FROM runs%s WHERE runs.experiment_id IN (1) AND lifecycle_stage = 'active' ORDER BY %sruns.start_time DESC, runs.run_uuid LIMIT 1001;\n",
		columns.String(), joins.String(), keys.String())
}

// hard are expensive statements, each in a different way.
func hard() map[string]string {
	return map[string]string{
		"100 conditions":                 search(100, 0),
		"30 conditions and 10 sort keys": search(30, 10),
		"sorted by 8 metrics":            search(0, 8),
		"a list of 100,000 IDs":          "SELECT count(*) FROM runs WHERE run_uuid IN ('" + strings.Join(slices.Repeat([]string{"0123456789abcdef0123456789abcdef"}, 100_000), "','") + "');\n",
		"one value of 400 MB":            "SELECT length(repeat('x', 400000000));\n",
		"a pattern of 2,000 parts":       "SELECT count(*) FROM runs WHERE name ~ '" + strings.Repeat("(a|b)*", 2000) + "';\n",
		"everything with everything":     "SELECT count(*) FROM (SELECT a.value, b.value FROM params a, params b ORDER BY 1, 2) AS all_pairs;\n",
	}
}

// suffer sends a statement from many clients at once, while others send cheap ones, and returns
// how many failed, and the longest wait of the others.
func (d *database) suffer(statement string, clients int) (failed int, messages map[string]int, longest time.Duration) {
	d.Helper()
	ctx, stop := context.WithTimeout(d.Context(), 3*time.Minute)
	defer stop()
	done := make(chan struct{})
	var others, heavy sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			began := time.Now()
			got, err := d.query(ctx, "SELECT * FROM runs WHERE run_uuid = md5('7');\n")
			if err == nil {
				err = got.Err()
			}
			if err != nil {
				d.Errorf("who asked for one run: %v", err)
				return
			}
			longest = max(longest, time.Since(began))
		}
	})
	var one sync.Mutex
	messages = map[string]int{}
	for range clients {
		heavy.Go(func() {
			got, err := d.query(ctx, statement)
			one.Lock()
			defer one.Unlock()
			if err != nil {
				d.Errorf("%v", err)
			} else if got.ExitCode != 0 {
				failed++
				line, _, _ := strings.Cut(strings.TrimSpace(got.Stderr), "\n")
				messages[line]++
			}
		})
	}
	heavy.Wait()
	close(done)
	others.Wait()
	return failed, messages, longest
}

// kills is how often the kernel killed a process of the server's container.
func (d *database) kills() string {
	d.Helper()
	got, err := d.docker.Exec(d.Context(), d.server, []string{"sh", "-c", "sed -n 's/^oom_kill //p' /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null; true"})
	require.NoError(d, err)
	require.NotEmpty(d, strings.TrimSpace(got.Stdout), "the kernel does not say")
	return strings.TrimSpace(got.Stdout)
}

const crashed = "terminating any other active server processes"

func TestNoStatementEndsTheDatabaseServer(t *testing.T) {
	nightly(t)
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	built := older(t, &lab{root: root}, "postgres", nil)
	for _, memoryMB := range []int{512, 2048} {
		t.Run(fmt.Sprintf("%d MiB", memoryMB), func(t *testing.T) {
			d := startDatabase(t, built, memoryMB)
			d.fill(100_000)
			for _, name := range slices.Sorted(maps.Keys(hard())) {
				began := time.Now()
				failed, messages, longest := d.suffer("SET statement_timeout = '20s';\n"+hard()[name], 12)
				t.Logf("%s, 12 at once: %d failed %v, in %s; one run took the others %s at most", name, failed, messages, time.Since(began).Round(time.Second), longest.Round(time.Millisecond))
				require.Equal(t, "0", d.kills(), name)
				require.NotContains(t, logOf(t, d.docker, d.server), crashed, name)
			}
			failed, messages, _ := d.suffer(search(30, 0), 1)
			require.Zero(t, failed, "a search of 30 conditions alone: %v", messages)
		})
	}
}

// The control: the statements are hard enough for the test above to mean something.
func TestWithoutItsBudgetTheDatabaseServerIsEndedByASearch(t *testing.T) {
	nightly(t)
	root, err := workingcopy.Find(".")
	require.NoError(t, err)
	d := startDatabase(t, older(t, &lab{root: root}, "postgres", map[string]func(string) string{
		"entrypoint":   func(s string) string { return strings.Replace(s, "ulimit -d", ": ulimit -d", 1) },
		"memory-guard": func(string) string { return "#!/bin/sh\nexec sleep 3600\n" },
	}), 512)
	d.fill(1000)
	// Not by suffer, which counts a server that disappears as a failure.
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() { _, _ = d.query(t.Context(), search(100, 0)) })
	}
	clients.Wait()
	require.NotEqual(t, "0", d.kills())
	require.Contains(t, logOf(t, d.docker, d.server), crashed)
}
