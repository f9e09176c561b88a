package realmusers

import (
	"context"
	"fmt"

	"github.com/Nerzal/gocloak/v13"
)

// lockout is the path of Keycloak's brute force detection for a user.
func lockout(userID string) string { return "/attack-detection/brute-force/users/" + userID }

// unlock removes a user's failed logins, and returns their number if they locked the user; 0
// otherwise. It also removes failures that do not lock yet, or one more mistake with the new
// password would lock the user again.
func (r *Realm) unlock(ctx context.Context, who *gocloak.User) (int, error) {
	var status struct {
		Disabled bool `json:"disabled"`
		Failures int  `json:"numFailures"`
	}
	username, id := gocloak.PString(who.Username), gocloak.PString(who.ID)
	if err := r.get(ctx, lockout(id), &status); err != nil {
		return 0, err
	}
	if !status.Disabled && status.Failures == 0 {
		return 0, nil
	}
	if err := r.api.Delete(ctx, r.stack.Realm.Name, lockout(id)); err != nil {
		return 0, r.failed("unlock "+username, err)
	}
	if !status.Disabled {
		return 0, nil
	}
	var left struct {
		Disabled bool `json:"disabled"`
	}
	if err := r.get(ctx, lockout(id), &left); err != nil {
		return 0, err
	}
	if left.Disabled {
		return 0, fmt.Errorf("%s is locked after %d wrong passwords, and still is after Keycloak removed them; disable and enable the user in Keycloak's console", username, status.Failures)
	}
	return status.Failures, nil
}

// SignOut ends all sessions of a user in Keycloak. The identity sync then ends those in MLflow,
// and revokes the user's personal tokens.
func (r *Realm) SignOut(ctx context.Context, username string) error {
	who, err := r.find(ctx, username)
	if err != nil {
		return err
	}
	if err := r.api.LogoutAllSessions(ctx, r.api.Token, r.stack.Realm.Name, gocloak.PString(who.ID)); err != nil {
		return r.failed("sign out "+username, err)
	}
	return nil
}
