package adminrealm

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"
)

// temporaryPrefix is the prefix of temporary administrators' user names.
const temporaryPrefix = "console-"

// TemporaryAdmin is a temporary administrator of Keycloak.
type TemporaryAdmin struct {
	Username, Password string
	// Until is the time after which any run may remove the account.
	Until time.Time

	id string
}

// temporaryUntil returns the expiry of a temporary administrator that this tool created, which a
// name alone does not prove.
func temporaryUntil(who *gocloak.User) (time.Time, bool) {
	if !strings.HasPrefix(gocloak.PString(who.Username), temporaryPrefix) || who.Attributes == nil {
		return time.Time{}, false
	}
	values := (*who.Attributes)[untilAttribute]
	if len(values) != 1 {
		return time.Time{}, false
	}
	until, err := time.Parse(time.RFC3339, values[0])
	return until, err == nil
}

// expired reports whether a user is an expired temporary administrator.
func expired(who *gocloak.User, now time.Time) bool {
	until, ok := temporaryUntil(who)
	return ok && !now.Before(until)
}

// CreateTemporaryAdmin creates a user with a random name and password. The caller deletes it.
func (r *Realm) CreateTemporaryAdmin(ctx context.Context, until time.Time) (*TemporaryAdmin, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	temporary := &TemporaryAdmin{Username: temporaryPrefix + strings.ToLower(rand.Text()[:10]), Password: newPassword(), Until: until.UTC().Truncate(time.Second)}
	temporary.id, err = s.makeAdministrator(ctx, gocloak.User{
		Username:   &temporary.Username,
		Attributes: &map[string][]string{untilAttribute: {temporary.Until.Format(time.RFC3339)}},
	}, temporary.Password)
	if err != nil {
		return nil, s.undo(ctx, temporary, err)
	}
	// Keycloak silently drops attributes that the user profile does not declare. An administrator
	// without an expiry would be permanent.
	made, err := s.api.GetUserByID(ctx, s.api.Token, name, temporary.id)
	if err != nil {
		return nil, s.undo(ctx, temporary, s.failed("read "+person(temporary.Username), err))
	}
	if end, ok := temporaryUntil(made); !ok || !end.Equal(temporary.Until) {
		return nil, s.undo(ctx, temporary, fmt.Errorf("realm %s did not keep when the time of %s ends; `mlflow-sso up` prepares it for that", name, person(temporary.Username)))
	}
	return temporary, nil
}

// undo removes a temporary administrator that was only partly created.
func (s *session) undo(ctx context.Context, temporary *TemporaryAdmin, cause error) error {
	if temporary.id == "" {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := s.remove(ctx, temporary.id, person(temporary.Username)); err != nil {
		return fmt.Errorf("%w; and then: %w", cause, err)
	}
	return cause
}

// DeleteTemporaryAdmin removes a temporary administrator, which ends its sessions.
func (r *Realm) DeleteTemporaryAdmin(ctx context.Context, temporary *TemporaryAdmin) error {
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	return s.remove(ctx, temporary.id, person(temporary.Username))
}

// DeleteExpiredAdmins deletes expired temporary administrators, which only a killed command
// leaves behind, and returns their names.
func (r *Realm) DeleteExpiredAdmins(ctx context.Context) ([]string, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.allUsers(ctx)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, who := range all {
		if !expired(who, time.Now()) {
			continue
		}
		username := gocloak.PString(who.Username)
		if err := s.remove(ctx, gocloak.PString(who.ID), person(username)); err != nil {
			return gone, err
		}
		gone = append(gone, username)
	}
	return gone, nil
}

// newPassword returns 256 random bits. Its suffix satisfies policies that require every kind of
// character.
func newPassword() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random) + "aA1!"
}
