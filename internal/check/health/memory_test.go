package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAKilledProcessIsFoundThoughItsContainerLivesOn(t *testing.T) {
	d := a()
	for name, events := range map[string]string{
		"version 2": "low 0\nhigh 0\nmax 912\noom 3\noom_kill 2\noom_group_kill 0\n",
		"version 1": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
	} {
		t.Run(name, func(t *testing.T) {
			found := d.judgeKills(Postgres, events)
			require.Equal(t, []string{"process-killed"}, idsOf(found))
			require.Equal(t, "2 since it started", found[0].Got)
			require.Equal(t, "docker restart x-postgres", found[0].Fix)
		})
	}
	require.Empty(t, d.judgeKills(Postgres, "oom 3\noom_kill 0\n"))
	require.Empty(t, d.judgeKills(Postgres, ""))
}

func TestARecoveryAfterACrashIsFoundAfterItIsOver(t *testing.T) {
	d := a()
	const crash = "LOG:  server process (PID 107) was terminated by signal 9: Killed\nLOG:  terminating any other active server processes\nLOG:  database system is ready to accept connections\n"
	require.Equal(t, []string{"database-crashed"}, idsOf(d.judgeCrashes([]byte(crash))))
	require.Equal(t, []string{"shared-memory-full"}, idsOf(d.judgeCrashes([]byte(
		"ERROR:  could not resize shared memory segment \"/PostgreSQL.1\" to 4194304 bytes: No space left on device\n"))))
	// The effect of a memory budget on a statement, and the log of every stop of the server.
	require.Empty(t, d.judgeCrashes([]byte("ERROR:  out of memory\nLOG:  received fast shutdown request\nFATAL:  terminating connection due to administrator command\n")))

	ordered := order([]Finding{{ID: "database-crashed", Component: Postgres}, {ID: "process-killed", Component: Postgres}})
	require.Equal(t, []string{"process-killed", "database-crashed<process-killed"}, idsOf(ordered))
}

func TestAnImageIsOldByTheDayOfItsPackagesAndNotOfItsLastLayer(t *testing.T) {
	d, now := a(), time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	yesterday := now.Add(-24 * time.Hour).Format(time.RFC3339Nano)

	old, err := d.judgeAge(MLflow, "2026-10-01", yesterday, now)
	require.NoError(t, err)
	require.Equal(t, []string{"image-old"}, idsOf(old))
	require.Equal(t, "mlflow-sso up --stack x --fresh", old[0].Fix)

	fresh, err := d.judgeAge(MLflow, "2026-11-01", "2026-01-01T00:00:00Z", now)
	require.NoError(t, err)
	require.Empty(t, fresh)

	without, err := d.judgeAge(MLflow, "", "2026-01-01T00:00:00Z", now)
	require.NoError(t, err)
	require.Equal(t, []string{"image-old"}, idsOf(without), "an image of another base")

	_, err = d.judgeAge(MLflow, "", "", now)
	require.Error(t, err, "an unknown age is not healthy")
}
