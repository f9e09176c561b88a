package security

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// offboardedUser is a user with access who keeps all credentials for later.
type offboardedUser struct {
	*scenario.Person
	// basic returns the header of a personal token.
	basic http.Header
}

// leaver creates one. It tries all three kinds of credentials, which is the control.
func (c *suite) leaver(ctx context.Context, role string) (*offboardedUser, error) {
	who, err := c.visit.Add(ctx, role, c.stack.Realm.UserGroup)
	if err == nil {
		err = c.visit.SignIn(ctx, who)
	}
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"name": "attack", "expiration": time.Now().UTC().Add(time.Hour).Format(time.RFC3339)})
	if err != nil {
		return nil, err
	}
	page, err := who.Browser.Fetch(ctx, http.MethodPost, c.stack.MLflow.URL+mePath+"/tokens", nil, body)
	if err != nil {
		return nil, err
	}
	var issued struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(page.Body, &issued); err != nil || issued.Token == "" {
		return nil, fmt.Errorf("got %d and no token for a member who requests a personal token", page.Status)
	}
	l := &offboardedUser{Person: who, basic: http.Header{
		"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(who.Email+":"+issued.Token))},
	}}
	if in, err := c.tokenTaken(ctx, l); err != nil || !in {
		return nil, errors.Join(errors.New("a personal token that was just issued is refused"), err)
	}
	return l, nil
}

func (c *suite) tokenTaken(ctx context.Context, l *offboardedUser) (bool, error) {
	got, err := c.ask(ctx, request{method: http.MethodGet, url: c.stack.MLflow.URL + mePath, header: l.basic})
	if err == nil && !got.refused() && got.status/100 != 2 {
		err = fmt.Errorf("got %d with a personal token, wanted 200 or 401", got.status)
	}
	return err == nil && !got.refused(), err
}

// leave is shared by two attacks: a user loses access, and all credentials become invalid.
func (c *suite) leave(ctx context.Context, role, what string, end func(context.Context, *admin.Client, *offboardedUser) error) (string, error) {
	who, err := c.leaver(ctx, role)
	if err != nil {
		return "", check.NotRun(err)
	}
	client, err := c.keycloak(ctx)
	if err == nil {
		err = end(ctx, client, who)
	}
	if err != nil {
		return "", check.NotRun(err)
	}
	began := time.Now()
	if err := c.expectOut(ctx, who.Person, what); err != nil {
		return "", err
	}
	within := syncstatus.Expired(c.stack) + endsWithin
	if err := c.expectEnd(ctx, who.Person, within, what); err != nil {
		return "", err
	}
	for {
		in, err := c.tokenTaken(ctx, who)
		switch {
		case err != nil:
			return "", err
		case !in:
			return fmt.Sprintf("no new login; session and personal token ended within %s, at most %s", time.Since(began).Round(time.Second), within), nil
		case time.Since(began) > within:
			return "", check.Mismatch("a personal token that is accepted "+within.String()+" after the user "+what, "a refusal")
		}
		if err := pause(ctx); err != nil {
			return "", err
		}
	}
}

func (c *suite) disabledUser(ctx context.Context) (string, error) {
	return c.leave(ctx, "disabled", "was disabled", func(ctx context.Context, client *admin.Client, who *offboardedUser) error {
		return change(ctx, client, c.stack.Realm.Name, who.ID, func(u *gocloak.User) { u.Enabled = gocloak.BoolP(false) })
	})
}

func (c *suite) leftGroup(ctx context.Context) (string, error) {
	return c.leave(ctx, "left", "is in no group", func(ctx context.Context, client *admin.Client, who *offboardedUser) error {
		groups, err := client.GetUserGroups(ctx, client.Token, c.stack.Realm.Name, who.ID, gocloak.GetGroupsParams{})
		if err == nil && len(groups) == 0 {
			err = errors.New("the user is in no group")
		}
		for _, group := range groups {
			err = errors.Join(err, client.DeleteUserFromGroup(ctx, client.Token, c.stack.Realm.Name, who.ID, gocloak.PString(group.ID)))
		}
		return err
	})
}

// change reads a user, changes it and writes it back.
func change(ctx context.Context, client *admin.Client, realm, id string, how func(*gocloak.User)) error {
	user, err := client.GetUserByID(ctx, client.Token, realm, id)
	if err != nil {
		return err
	}
	how(user)
	return client.UpdateUser(ctx, client.Token, realm, *user)
}

// expectOut requires that a user no longer has access.
func (c *suite) expectOut(ctx context.Context, who *scenario.Person, what string) error {
	in, err := c.visit.CanLogIn(ctx, who)
	if err == nil && in {
		err = check.Mismatch("a new session for a user who "+what, "a refusal")
	}
	return err
}

// oldSession checks the session of a user who keeps their access.
func (c *suite) oldSession(ctx context.Context) (string, error) {
	who, err := c.leaver(ctx, "old")
	if err != nil {
		return "", check.NotRun(err)
	}
	left, err := c.boundedSession(ctx, who.Person)
	if err != nil {
		return "", err
	}
	if _, err := c.sessionsOf(ctx, who.Person, "expire"); err != nil {
		return "", err
	}
	if err := c.expectEnd(ctx, who.Person, endsWithin, "the session's token has ended"); err != nil {
		return "", err
	}
	return fmt.Sprintf("a session lives %s at most, as its token, and ends with it", left.Round(time.Minute)), nil
}
