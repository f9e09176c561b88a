package availability

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(second int) time.Time { return start.Add(time.Duration(second) * time.Second) }

// one creates a diary of requests: user, start, end, and result.
func one(notes ...[3]int) *Diary {
	d := &Diary{}
	for _, n := range notes {
		failure := ""
		if n[2] < 0 {
			failure, n[2] = "500", -n[2]
		}
		d.Note(n[0], at(n[1]), at(n[2]), failure)
	}
	return d
}

func TestADowntimeLastsUntilTheNextSuccessfulResponse(t *testing.T) {
	got := one([3]int{0, 0, 1}, [3]int{0, 2, -3}, [3]int{0, 4, -5}, [3]int{0, 6, 8}).Since(start)

	require.Equal(t, 6*time.Second, got.Away)
	require.Equal(t, 8*time.Second, got.Until)
	require.Equal(t, 2*time.Second, got.Slowest)
	require.Equal(t, map[string]int{"500": 2}, got.Kinds)
	require.Equal(t, []int{2, 2}, []int{got.Proper, got.Failed})
}

func TestTimeInWhichSeveralUsersAreAwayCountsOnce(t *testing.T) {
	got := one([3]int{0, 1, -2}, [3]int{1, 2, -3}, [3]int{0, 3, 4}, [3]int{1, 4, 6}, [3]int{0, 9, -10}, [3]int{0, 10, 11}).Since(start)

	require.Equal(t, 7*time.Second, got.Away, "1 to 6 and 9 to 11")
	require.Equal(t, 11*time.Second, got.Until)
}

func TestWhatFailedBeforeIsNotCountedAndWhatNeverWorksAgainIs(t *testing.T) {
	got := one([3]int{0, 0, -1}, [3]int{0, 3, 4}, [3]int{0, 5, -8}).Since(at(2))

	require.Equal(t, 3*time.Second, got.Away)
	require.Equal(t, 6*time.Second, got.Until)
	require.Equal(t, 1, got.Failed)
	require.Zero(t, one([3]int{0, 0, 1}).Since(start).Until)
}

func TestRecoveryNeedsEnoughSuccessfulResponsesInARowForEveryUser(t *testing.T) {
	d := one([3]int{0, 1, 2}, [3]int{0, 2, 3}, [3]int{1, 1, 2})
	require.False(t, d.Well(2, start, 2), "the second user has had one")
	d.Note(1, at(3), at(4), "")
	require.True(t, d.Well(2, start, 2))
	require.False(t, d.Well(3, start, 1), "a third has had none")
	require.False(t, d.Well(2, at(1), 2), "it began before")
	d.Note(1, at(5), at(6), "500")
	require.False(t, d.Well(2, start, 2), "not in a row")
}
