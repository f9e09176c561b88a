package health

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/Nerzal/gocloak/v13"
)

// mostMembers is how many administrators are asked about.
const mostMembers = 50

// lockedMembers are the members of a group whom brute force detection has locked.
func lockedMembers(ctx context.Context, api *gocloak.GoCloak, token, realm, group string) (map[string]int, error) {
	members, err := api.GetGroupMembers(ctx, token, realm, group, gocloak.GetGroupsParams{Max: gocloak.IntP(mostMembers)})
	if err != nil {
		return nil, fmt.Errorf("members of the administrators' group: %w", err)
	}
	locked := map[string]int{}
	for _, member := range members {
		status, err := api.GetUserBruteForceDetectionStatus(ctx, token, realm, gocloak.PString(member.ID))
		if err != nil {
			return nil, fmt.Errorf("lock of %s: %w", gocloak.PString(member.Username), err)
		}
		if gocloak.PBool(status.Disabled) {
			locked[gocloak.PString(member.Username)] = gocloak.PInt(status.NumFailures)
		}
	}
	return locked, nil
}

// judgeLocks names each: anybody who knows an address can lock it for a while.
func (d *doctor) judgeLocks(locked map[string]int) (found []Finding) {
	for _, name := range slices.Sorted(maps.Keys(locked)) {
		f := d.inside("administrator-locked", "administrator "+name+" cannot log in: there were too many wrong passwords",
			fmt.Sprintf("%d failures", locked[name]), "no lock", "user "+name+" in realm "+d.Stack.Realm.Name+"; the lock ends by itself within a quarter of an hour")
		f.Fix = d.console("realm " + d.Stack.Realm.Name + ", Users, " + name + ": Unlock user")
		found = append(found, f)
	}
	return found
}
