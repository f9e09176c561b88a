package runlog

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

var errBroken = errors.New("500")

func TestAnAcknowledgedRequestWithoutItsEffectIsLost(t *testing.T) {
	run := Run{Name: "a", ID: "1", Done: ended}
	there := Found{ID: "1", Name: "a", Status: "FINISHED", Logged: whole, File: true, Content: run.content()}
	require.False(t, run.Lost(map[string]Found{"a": there}))
	for what, change := range map[string]func(*Found){
		"another run":      func(f *Found) { f.ID = "2" },
		"a param":          func(f *Found) { f.Logged[0]-- },
		"a tag":            func(f *Found) { f.Logged[2] = 0 },
		"the file":         func(f *Found) { f.File = false },
		"half of the file": func(f *Found) { f.Content = "artif" },
		"the end":          func(f *Found) { f.Status = "RUNNING" },
		"everything":       func(f *Found) { *f = Found{} },
	} {
		f := there
		change(&f)
		require.True(t, run.Lost(map[string]Found{"a": f}), what)
	}
	require.True(t, run.Lost(nil))
}

func TestARefusedRequestIsNotLostAndMayHaveWorked(t *testing.T) {
	unmade := Run{Name: "a", Err: errBroken}
	require.False(t, unmade.Lost(nil))
	require.False(t, unmade.Worked(nil))
	require.True(t, unmade.Worked(map[string]Found{"a": {ID: "1", Name: "a"}}))

	unlogged := Run{Name: "a", ID: "1", Done: created, Err: errBroken}
	require.False(t, unlogged.Worked(map[string]Found{"a": {ID: "1", Logged: [3]int{params, 0, 0}}}))
	require.True(t, unlogged.Worked(map[string]Found{"a": {ID: "1", Logged: whole}}))
	require.False(t, Run{Name: "a", ID: "1", Done: created}.Worked(map[string]Found{"a": {ID: "1", Logged: whole}}), "nothing was refused")
}

func TestARunThatIsOverAndLacksSomethingIsHalfThere(t *testing.T) {
	require.False(t, Found{Status: "RUNNING"}.Half())
	require.False(t, Found{Status: "FINISHED", Logged: whole, File: true, Content: "x"}.Half())
	require.True(t, Found{Status: "FINISHED", Logged: whole}.Half())
	require.True(t, Found{Status: "FINISHED", Logged: [3]int{params, metrics, 0}, File: true, Content: "x"}.Half())
	require.True(t, Found{Logged: [3]int{params, 0, 0}}.PartlyLogged())
	require.False(t, Found{Logged: whole}.PartlyLogged())
	require.False(t, Found{}.PartlyLogged())
}
