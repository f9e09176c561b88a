package realmusers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/Nerzal/gocloak/v13"
)

// Invitation lets a user set their own password.
type Invitation struct {
	Username, Email string
	// Password is valid for one login; empty if a mail was sent.
	Password string
	// Unlocked is the number of failed logins that had locked the user; 0 if the user was not
	// locked.
	Unlocked int
	// Until is the expiry of the link in the mail; zero for a password, which expires at the
	// first login.
	Until time.Time
}

// LinkLifetime is the default lifetime of the link in a mail: the mail may arrive before a
// weekend.
const LinkLifetime = 72 * time.Hour

// ErrHasPassword is wrapped if an invitation would reset a password.
var ErrHasPassword = errors.New("has a password, which stays as it is")

// Invite lets a user set a password. A user with a password needs again; if a mail is sent, the
// old password stays valid until the user sets a new one.
func (r *Realm) Invite(ctx context.Context, username string, lasts time.Duration, again bool) (*Invitation, error) {
	who, err := r.find(ctx, username)
	if err != nil {
		return nil, err
	}
	if !gocloak.PBool(who.Enabled) {
		return nil, fmt.Errorf("%s is disabled and could not log in; set `enabled: true` in the stack file and run `mlflow-sso up`", username)
	}
	has, err := r.hasPassword(ctx, who)
	if err != nil {
		return nil, err
	}
	if has && !again {
		return nil, fmt.Errorf("%s %w; `mlflow-sso invite --reset-password %s` gives them another", username, ErrHasPassword, username)
	}
	if !has {
		place, err := r.externalLogin(ctx, who)
		if err != nil {
			return nil, err
		}
		if place != "" {
			return nil, fmt.Errorf("%s logs in by %s, and needs no password here", username, place)
		}
	}
	// A locked user cannot use a new password, and Keycloak does not say why.
	unlocked, err := r.unlock(ctx, who)
	if err != nil {
		return nil, err
	}
	mail, err := r.HasMail(ctx)
	if err != nil {
		return nil, err
	}
	if mail {
		invitation, err := r.write(ctx, who, lasts)
		if err == nil {
			invitation.Unlocked = unlocked
		}
		return invitation, err
	}
	invitation := &Invitation{Username: username, Email: gocloak.PString(who.Email), Password: newPassword(), Unlocked: unlocked}
	if err := r.api.SetPassword(ctx, r.api.Token, gocloak.PString(who.ID), r.stack.Realm.Name, invitation.Password, true); err != nil {
		return nil, r.failed("give "+username+" a password for one login", err)
	}
	return invitation, nil
}

// setPassword is Keycloak's required action.
const setPassword = "UPDATE_PASSWORD"

// write sends a mail with a link.
func (r *Realm) write(ctx context.Context, who *gocloak.User, lasts time.Duration) (*Invitation, error) {
	username, email := gocloak.PString(who.Username), gocloak.PString(who.Email)
	if email == "" {
		return nil, fmt.Errorf("%s has no address to write to", username)
	}
	until := time.Now().Add(lasts)
	err := r.api.ExecuteActionsEmail(ctx, r.api.Token, r.stack.Realm.Name, gocloak.ExecuteActionsEmail{
		UserID: who.ID, Actions: &[]string{setPassword}, Lifespan: gocloak.IntP(int(lasts.Seconds())),
		ClientID: &r.stack.Realm.ClientID, // the last page links to MLflow
	})
	if err != nil {
		return nil, fmt.Errorf("%w; check `docker logs --tail 50 %s` for the mail server's answer, and `realm.mail` in the stack file",
			r.failed("write to "+username, err), r.stack.Keycloak.Container)
	}
	return &Invitation{Username: username, Email: email, Until: until}, nil
}

// NeedInvitation returns the listed users without a password and, according to Keycloak's events,
// without a mail. It omits users of an identity provider, and disabled ones.
func (r *Realm) NeedInvitation(ctx context.Context, usernames []string) ([]string, error) {
	var waiting []string
	for _, username := range usernames {
		who, err := r.find(ctx, username)
		if err != nil {
			return nil, err
		}
		has, err := r.hasPassword(ctx, who)
		if err != nil {
			return nil, err
		}
		if has || !gocloak.PBool(who.Enabled) {
			continue
		}
		place, err := r.externalLogin(ctx, who)
		if err != nil {
			return nil, err
		}
		written, err := r.writtenTo(ctx, who)
		if err != nil {
			return nil, err
		}
		if place == "" && !written {
			waiting = append(waiting, username)
		}
	}
	return waiting, nil
}

// writtenTo reports whether Keycloak's events contain a mail.
func (r *Realm) writtenTo(ctx context.Context, who *gocloak.User) (bool, error) {
	var events []map[string]any
	err := r.get(ctx, "/admin-events", &events, "operationTypes", "ACTION", "max", "1",
		"resourcePath", "users/"+gocloak.PString(who.ID)+"/execute-actions-email")
	return len(events) > 0, err
}

// newPassword returns 130 random bits, short enough to read out. Its suffix satisfies policies
// that require every kind of character.
func newPassword() string { return rand.Text() + "-aA1!" }
