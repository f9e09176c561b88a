package lifecycle

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each line is a situation that an update may find, with the required order.
func TestThePlanOfAnUpdateFollowsFromWhatWasFound(t *testing.T) {
	for name, test := range map[string]struct {
		found findings
		want  string
	}{
		"nothing unusual":                       {findings{}, "update everything"},
		"a new stack":                           {findings{recovery: recovery{behind: true}}, "update everything"},
		"a refresh is asked for":                {findings{requested: true}, "update everything (refresh)"},
		"realm master was changed manually":     {findings{realmChanged: true}, "update everything (refresh)"},
		"older data was loaded manually":        {findings{keysDiffer: true}, "update everything (refresh)"},
		"changed manually, and a refused login": {findings{realmChanged: true, loginRefused: true}, "update all but the realm (refresh), update everything (refresh)"},
		"an interrupted update":                 {findings{recovery: recovery{refresh: true}}, "update everything (refresh)"},
		"a container is down":                   {findings{recovery: recovery{refresh: true, down: true}}, "update all but the realm (refresh), update everything"},
		"down, and a refresh is asked for":      {findings{recovery: recovery{refresh: true, down: true}, requested: true}, "update all but the realm (refresh), update everything (refresh)"},
		"data of an earlier stack":              {findings{recovery: recovery{behind: true, kept: true}}, "update all but the realm, import what Keycloak has, update everything"},
		"data at an external server":            {findings{recovery: recovery{behind: true}, externalKeycloak: true}, "update all but the realm, import what Keycloak has, update everything"},
		"data that the state knows":             {findings{recovery: recovery{kept: true}}, "update everything"},
		"the database moved":                    {findings{databaseMoved: true}, "update all but the realm, update everything (refresh)"},
		"the database moved, to one with data":  {findings{recovery: recovery{behind: true}, externalKeycloak: true, databaseMoved: true}, "update all but the realm, import what Keycloak has, update everything"},
		"a new user":                            {findings{newUsers: true}, "import what Keycloak has, update everything"},
		"a new user, and a refused login":       {findings{newUsers: true, loginRefused: true}, "update all but the realm, import what Keycloak has, update everything"},
		"a refused login, with a refresh":       {findings{requested: true, loginRefused: true}, "update all but the realm (refresh), update everything (refresh)"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, planUp(test.found).String()) })
	}
}

func TestAnUpdateDoesItsStepsInThisOrder(t *testing.T) {
	var names []string
	for _, action := range (&up{}).actions() {
		names = append(names, action.Name)
	}
	require.Equal(t, []string{
		"check ports, disk and folders",
		"compare the volumes of the state with those of the host",
		"clear up after an interrupted update",
		"check the policies",
		"reject generations that decrease",
		"probe external services",
		"detach volumes whose data is external now",
		"decide on the order",
		"update all but the realm",
		"compare defences in the running Keycloak",
		"import what Keycloak has",
		"update everything",
		"wait until every container is ready",
		"invite users without a password",
		"save the settings of this update",
	}, names)
}

func TestActionsAreDoneInOrderUpToTheFirstFailure(t *testing.T) {
	broken := errors.New("broken")
	var done []string
	do := func(name string, err error) func(context.Context) error {
		return func(context.Context) error {
			done = append(done, name)
			return err
		}
	}
	err := perform(t.Context(), []Action{
		{Name: "a", Do: do("a", nil)},
		{Name: "skipped", When: func() bool { return false }, Do: do("skipped", nil)},
		{Name: "b", Do: do("b", broken)},
		{Name: "c", Do: do("c", nil)},
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, []string{"a", "b"}, done)
}
