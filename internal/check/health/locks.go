package health

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/Nerzal/gocloak/v13"
)

// mostMembers is the maximum number of administrators to query.
const mostMembers = 200

// lockedMembers returns the members of a group whom brute force detection has locked, with the
// number of failures, and whether any enabled member is not locked.
func lockedMembers(ctx context.Context, api *gocloak.GoCloak, token, realm, group string) (locked map[string]int, anyFree bool, err error) {
	members, err := api.GetGroupMembers(ctx, token, realm, group, gocloak.GetGroupsParams{Max: gocloak.IntP(mostMembers)})
	if err != nil {
		return nil, false, fmt.Errorf("members of the administrators' group: %w", err)
	}
	locked = map[string]int{}
	for _, member := range members {
		if !gocloak.PBool(member.Enabled) {
			continue
		}
		status, err := api.GetUserBruteForceDetectionStatus(ctx, token, realm, gocloak.PString(member.ID))
		if err != nil {
			return nil, false, fmt.Errorf("lock of %s: %w", gocloak.PString(member.Username), err)
		}
		if gocloak.PBool(status.Disabled) {
			locked[gocloak.PString(member.Username)] = gocloak.PInt(status.NumFailures)
		} else {
			anyFree = true
		}
	}
	return locked, anyFree, nil
}

// judgeLocks reports each: anyone who knows a user name can lock the user for a while. If every
// administrator is locked, no one in MLflow can help, so it suggests break-glass access first.
func (d *doctor) judgeLocks(locked map[string]int, anyFree bool) (found []Finding) {
	names := slices.Sorted(maps.Keys(locked))
	if len(names) > 0 && !anyFree {
		f := d.inside(AdministratorsLocked, "no administrator of MLflow can log in: wrong passwords have locked all of them",
			fmt.Sprintf("%d locked, none free", len(names)), "an administrator who can log in", "group "+d.Stack.Realm.AdminGroup+" in realm "+d.Stack.Realm.Name)
		f.Fix = fmt.Sprintf(`%s break-glass %s --reason "administrators are locked"`, d.Tool, d.Flags)
		found = append(found, f)
	}
	for _, name := range names {
		f := d.inside(AdministratorLocked, "administrator "+name+" cannot log in: there were too many wrong passwords",
			fmt.Sprintf("%d failures", locked[name]), "no lock", "user "+name+" in realm "+d.Stack.Realm.Name+"; the lock ends by itself within a quarter of an hour")
		f.Fix = d.console("realm " + d.Stack.Realm.Name + ", Users, " + name + ": Unlock user; until then `" + d.Tool + " break-glass` lets an operator into MLflow")
		found = append(found, f)
	}
	return found
}
