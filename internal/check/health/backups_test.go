package health

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/backup"
)

func TestSnapshotsAreMissedWhenTheyAreLateAndNotBefore(t *testing.T) {
	const hour, day = int64(3600), int64(24 * 3600)
	now := 1000 * day
	right := func() backup.Status {
		return backup.Status{
			Now: now, Started: now - 90*day, First: now - 89*day, Every: day, ProvedWithin: 30 * day,
			Last: &backup.Snapshot{Began: now - day}, Proof: &backup.Proof{At: now - 29*day},
		}
	}
	for name, test := range map[string]struct {
		change func(*backup.Status)
		want   []string
	}{
		"all is well":       {func(*backup.Status) {}, nil},
		"a day and an hour": {func(s *backup.Status) { s.Last.Began = now - day - hour }, nil},
		"more than that":    {func(s *backup.Status) { s.Last.Began = now - day - hour - 1 }, []string{"snapshot-overdue"}},
		"on demand alone":   {func(s *backup.Status) { s.Every, s.Last.Began = 0, now-60*day }, nil},
		"just made": {func(s *backup.Status) {
			*s = backup.Status{Now: now, Started: now - hour, Every: day, ProvedWithin: 30 * day}
		}, nil},
		"none an hour after": {func(s *backup.Status) {
			*s = backup.Status{Now: now, Started: now - hour - 1, Every: day, ProvedWithin: 30 * day}
		}, []string{"snapshot-overdue"}},
		"a failure":                        {func(s *backup.Status) { s.Failed = &backup.Failure{At: now - hour, Why: "no space left"} }, []string{"snapshot-failed"}},
		"an old proof":                     {func(s *backup.Status) { s.Proof.At = now - 30*day - 1 }, []string{"restore-test-overdue"}},
		"never proved":                     {func(s *backup.Status) { s.Proof = nil }, []string{"restore-test-overdue"}},
		"never proved, but not long there": {func(s *backup.Status) { s.Proof, s.First = nil, now-30*day }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			status := right()
			test.change(&status)
			d := &doctor{Target: Target{Tool: "mlflow-sso", Flags: "--stack x"}}
			var got []string
			for _, f := range d.judgeSnapshots(status) {
				got = append(got, string(f.ID))
				require.Contains(t, f.Fix, "mlflow-sso backup")
				require.NotEmpty(t, f.Got)
			}
			require.Equal(t, test.want, got)
		})
	}
}
