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

// guestPrefix begins the user name of everybody who is let in for a while.
const guestPrefix = "console-"

// TemporaryAdmin is a user who may do anything in Keycloak for a while.
type TemporaryAdmin struct {
	Username, Password string
	// Until is when someone else may remove them.
	Until time.Time

	id string
}

// guestUntil is the end of a user's time, if they were let in for a while: by
// this tool, which a name alone does not prove.
func guestUntil(who *gocloak.User) (time.Time, bool) {
	if !strings.HasPrefix(gocloak.PString(who.Username), guestPrefix) || who.Attributes == nil {
		return time.Time{}, false
	}
	values := (*who.Attributes)[untilAttribute]
	if len(values) != 1 {
		return time.Time{}, false
	}
	until, err := time.Parse(time.RFC3339, values[0])
	return until, err == nil
}

// expired says whether a user was let in for a while that is over.
func expired(who *gocloak.User, now time.Time) bool {
	until, ok := guestUntil(who)
	return ok && !now.Before(until)
}

// CreateTemporaryAdmin makes a person with a name and a password of their own. The caller
// dismisses them.
func (r *Realm) CreateTemporaryAdmin(ctx context.Context, until time.Time) (*TemporaryAdmin, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	guest := &TemporaryAdmin{Username: guestPrefix + strings.ToLower(rand.Text()[:10]), Password: newPassword(), Until: until.UTC().Truncate(time.Second)}
	guest.id, err = s.makeAdministrator(ctx, gocloak.User{
		Username:   &guest.Username,
		Attributes: &map[string][]string{untilAttribute: {guest.Until.Format(time.RFC3339)}},
	}, guest.Password)
	if err != nil {
		return nil, s.undo(ctx, guest, err)
	}
	// Keycloak drops what the user profile does not name, without a word. A person
	// without the end of their time would stay for ever.
	made, err := s.api.GetUserByID(ctx, s.api.Token, name, guest.id)
	if err != nil {
		return nil, s.undo(ctx, guest, s.failed("read "+person(guest.Username), err))
	}
	if end, ok := guestUntil(made); !ok || !end.Equal(guest.Until) {
		return nil, s.undo(ctx, guest, fmt.Errorf("realm %s did not keep when the time of %s ends; `mlflow-sso up` prepares it for that", name, person(guest.Username)))
	}
	return guest, nil
}

// undo removes a guest who was not made whole.
func (s *session) undo(ctx context.Context, guest *TemporaryAdmin, cause error) error {
	if guest.id == "" {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := s.remove(ctx, guest.id, person(guest.Username)); err != nil {
		return fmt.Errorf("%w; and then: %w", cause, err)
	}
	return cause
}

// DeleteTemporaryAdmin removes a guest, which ends their sessions.
func (r *Realm) DeleteTemporaryAdmin(ctx context.Context, guest *TemporaryAdmin) error {
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	return s.remove(ctx, guest.id, person(guest.Username))
}

// DeleteExpiredAdmins removes those whose time is over, which only a command that was
// killed leaves behind, and returns their names.
func (r *Realm) DeleteExpiredAdmins(ctx context.Context) ([]string, error) {
	s, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.everybody(ctx)
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

// newPassword has 256 random bits. Its end satisfies policies that demand every
// kind of character.
func newPassword() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random) + "aA1!"
}
