package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/privilege"
)

// realmLogins are attacks on users' passwords and groups in Keycloak.
func (c *suite) realmLogins() []attack {
	return []attack{
		{
			name: "quick-lockout", tries: "an anonymous client enters two wrong passwords for a user within a second",
			control: "the right password logs in before, and the wrong ones are refused", defence: "quick failures alone do not lock: ten failures do, with a growing wait",
			next: "check the realm's brute force detection: quick login check", run: c.quickLockout,
		},
		{
			name: "nested-group", tries: "an administrator of the realm adds a member to a group below the members' group that has the name of the administrators' group, which makes the member an administrator who is in no list",
			control: "the members of the administrators' group itself are read in the same way", defence: "`drift` and `doctor` name the members of such a group",
			next: "remove the nested group in Keycloak's console; `drift` names who is in it", run: c.nestedGroup,
		},
	}
}

// passwordGrants tries a user's password at the token endpoint with every enabled client that
// needs no secret.
func (c *suite) passwordGrants(ctx context.Context) (string, error) {
	// The check that verify runs, with its control: the password is correct.
	if _, err := c.visit.CheckPasswordGrant(ctx); err != nil {
		return "", err
	}
	client, err := c.keycloak(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	all, err := client.GetClients(ctx, client.Token, c.stack.Realm.Name, gocloak.GetClientsParams{})
	if err != nil {
		return "", check.NotRun(fmt.Errorf("list the clients of realm %s: %w", c.stack.Realm.Name, err))
	}
	var tried, open []string
	person := c.thief.Login()
	for _, one := range all {
		if !gocloak.PBool(one.Enabled) || !gocloak.PBool(one.PublicClient) || gocloak.PBool(one.BearerOnly) {
			continue
		}
		id := gocloak.PString(one.ClientID)
		form := url.Values{"grant_type": {"password"}, "client_id": {id}, "username": {person.Username}, "password": {person.Password}, "scope": {"openid"}}
		got, err := c.ask(ctx, request{
			method: http.MethodPost, url: c.stack.Realm.Issuer + "/protocol/openid-connect/token",
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, raw: []byte(form.Encode()),
		})
		if err != nil {
			return "", err
		}
		if tried = append(tried, id); got.status == http.StatusOK {
			open = append(open, id)
		}
	}
	if len(open) > 0 {
		return "", check.Mismatch("a token for a name and a password by client "+strings.Join(open, ", "), "unauthorized_client")
	}
	if !slices.Contains(tried, "account-console") {
		return "", check.NotRun(fmt.Errorf("the realm lists the public clients %v, wanted account-console among them", tried))
	}
	return fmt.Sprintf("%d public clients give no token for a password", len(tried)), nil
}

// quickly is more than two forms need, and less than Keycloak's configurable interval for quick
// logins, whose default is one second between responses.
const quickly = 2 * time.Second

func (c *suite) quickLockout(ctx context.Context) (string, error) {
	who, err := c.visit.Add(ctx, "locked", c.stack.Realm.UserGroup)
	if err != nil {
		return "", check.NotRun(err)
	}
	if in, err := c.visit.CanLogIn(ctx, who); err != nil || !in {
		return "", check.NotRun(fmt.Errorf("the right password does not log in: %w", errors.Join(err, errRefused(in))))
	}
	// Open two forms first, so that their responses arrive within a second.
	var wrong []func(context.Context) (bool, error)
	for range 2 {
		send, err := c.visit.PrepareLogin(ctx, who.Login().Username, "wrong")
		if err != nil {
			return "", check.NotRun(err)
		}
		wrong = append(wrong, send)
	}
	began := time.Now()
	for _, send := range wrong {
		in, err := send(ctx)
		if err == nil && in {
			err = errors.New("a wrong password logs in")
		}
		if err != nil {
			return "", check.NotRun(err)
		}
	}
	took := time.Since(began)
	client, err := c.keycloak(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	status, err := client.GetUserBruteForceDetectionStatus(ctx, client.Token, c.stack.Realm.Name, who.ID)
	if err != nil {
		return "", check.NotRun(fmt.Errorf("read the login failures that Keycloak counts: %w", err))
	}
	if failures := gocloak.PInt(status.NumFailures); failures < len(wrong) {
		return "", check.NotRun(fmt.Errorf("failures that Keycloak counts: %d, wanted %d", failures, len(wrong)))
	}
	in, err := c.visit.CanLogIn(ctx, who)
	if err != nil {
		return "", err
	}
	if in && took > quickly {
		return "", check.NotRun(fmt.Errorf("two wrong passwords took %s, wanted less than %s", took.Round(time.Millisecond), quickly))
	}
	if !in {
		return "", check.Mismatch("a user who is locked by two wrong passwords within "+took.Round(time.Millisecond).String(), "a login with the right one")
	}
	return "two quick wrong passwords lock no user", nil
}

func errRefused(in bool) error {
	if in {
		return nil
	}
	return errors.New("refused")
}

func (c *suite) nestedGroup(ctx context.Context) (said string, err error) {
	client, err := c.keycloak(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	realm := c.stack.Realm
	users, err := client.GetGroupByPath(ctx, client.Token, realm.Name, realm.UserGroup)
	if err != nil {
		return "", check.NotRun(err)
	}
	who, err := c.visit.Add(ctx, "nested", realm.UserGroup)
	if err != nil {
		return "", check.NotRun(err)
	}
	id, err := client.CreateChildGroup(ctx, client.Token, realm.Name, gocloak.PString(users.ID), gocloak.Group{Name: &realm.AdminGroup})
	if err != nil {
		return "", check.NotRun(fmt.Errorf("create a nested group: %w", err))
	}
	defer func() {
		late, stop := context.WithTimeout(context.WithoutCancel(ctx), adminTimeout)
		defer stop()
		err = errors.Join(err, client.DeleteGroup(late, client.Token, realm.Name, id))
	}()
	if err := client.AddUserToGroup(ctx, client.Token, realm.Name, who.ID, id); err != nil {
		return "", check.NotRun(err)
	}
	seen, err := privilege.Read(ctx, c.stack, c.docker)
	if err != nil {
		return "", check.NotRun(err)
	}
	if !slices.Contains(seen.Administrators, strings.ToLower(c.admin.Email)) {
		return "", check.NotRun(errors.New("the administrator of this run is not seen in the administrators' group"))
	}
	for _, u := range (privilege.Declared{Stack: c.stack}).Judge(seen) {
		if u.ID == privilege.NestedGroup && strings.Contains(u.Resource, who.Login().Username) {
			return "who is in a nested group of that name is named: " + u.Resource, nil
		}
	}
	return "", check.Mismatch("an unreported user in a nested group with the name of the administrators' group", "a finding of `drift` and `doctor`")
}
