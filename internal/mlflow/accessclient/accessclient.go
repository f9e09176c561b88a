// Package accessclient applies a stack's access rules in MLflow, as the access admin's service
// account.
//
// It runs a module of MLflow's image inside MLflow's container, through the Docker API only. So
// it works the same on localhost, behind the edge and on a remote Docker host, publishes nothing,
// and passes its secret over standard input.
package accessclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Time limits of one request, and of the report, which reads each list for each user.
const (
	within       = 3 * time.Minute
	reportWithin = 30 * time.Minute
)

// Client reads and changes accounts and grants in MLflow. It is safe for concurrent use.
type Client struct {
	// Docker is the host of MLflow's container.
	Docker *engine.Engine
	// Container is MLflow's.
	Container string
	// Client and Secret are the access admin's credentials in Keycloak.
	Client, Secret string
}

// ErrAbsent is wrapped if MLflow's container does not exist or is not running.
var ErrAbsent = errors.New("MLflow does not run")

// Account is a service account in MLflow.
type Account struct {
	Username string `json:"username"`
	// Subject is the `sub` of the account's tokens.
	Subject     string `json:"subject"`
	Admin       bool   `json:"admin"`
	Active      bool   `json:"active"`
	DisplayName string `json:"displayName"`
}

// GrantState is a grant in MLflow.
type GrantState struct {
	Permission string `json:"permission"`
	Priority   int    `json:"priority"`
}

// LinkIdentity makes the access admin an administrator.
func (s *Client) LinkIdentity(ctx context.Context) (username, subject string, err error) {
	var bound Account
	err = s.do(ctx, "steward", "bind", &bound)
	return bound.Username, bound.Subject, err
}

// IsLinked reports whether the access admin is an administrator.
func (s *Client) IsLinked(ctx context.Context) (ok bool, err error) {
	var found *Account
	err = s.do(ctx, "steward", "read", &found)
	return found != nil, err
}

// UnlinkIdentity removes the access admin's account from MLflow, unless it is the last
// administrator.
func (s *Client) UnlinkIdentity(ctx context.Context) error {
	return s.do(ctx, "steward", "remove", nil)
}

// Account returns a service account; nil if it does not exist.
func (s *Client) Account(ctx context.Context, username string) (found *Account, err error) {
	err = s.do(ctx, "account", username, &found)
	return found, err
}

// SetAccount creates or updates a service account.
func (s *Client) SetAccount(ctx context.Context, wanted Account) (made Account, err error) {
	err = s.do(ctx, "setAccount", wanted, &made)
	return made, err
}

// RemoveAccount removes a service account with its grants.
func (s *Client) RemoveAccount(ctx context.Context, username string) error {
	return s.do(ctx, "removeAccount", username, nil)
}

// rule is a grant in the module's format.
type rule struct {
	Who        accessrule.Subject `json:"who"`
	Name       string             `json:"name"`
	Kind       accessrule.Kind    `json:"kind"`
	Regex      string             `json:"regex"`
	Permission string             `json:"permission"`
	Priority   int                `json:"priority"`
}

func of(r accessrule.Rule) rule {
	return rule{r.Who, r.Name, r.Kind, r.Pattern.Regex(), r.Permission, r.Pattern.Priority()}
}

// FindGrant returns a rule's grant; nil if there is none.
func (s *Client) FindGrant(ctx context.Context, r accessrule.Rule) (found *GrantState, err error) {
	err = s.do(ctx, "grant", of(r), &found)
	return found, err
}

// SetGrant creates or updates a rule's grant.
func (s *Client) SetGrant(ctx context.Context, r accessrule.Rule) (made GrantState, err error) {
	err = s.do(ctx, "setGrant", of(r), &made)
	return made, err
}

// RemoveGrant removes a rule's grant, if there is one.
func (s *Client) RemoveGrant(ctx context.Context, r accessrule.Rule) error {
	return s.do(ctx, "removeGrant", of(r), nil)
}

// Names returns the names of all experiments, models or prompts.
func (s *Client) Names(ctx context.Context, kind accessrule.Kind) (all []string, err error) {
	err = s.do(ctx, "names", kind, &all)
	return all, err
}

func (s *Client) do(ctx context.Context, what string, with, into any) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.ask(ctx, what, with, into)
}

// ask runs the module until the context ends.
func (s *Client) ask(ctx context.Context, what string, with, into any) error {
	request, err := json.Marshal(map[string]any{"client": s.Client, "secret": s.Secret, "do": what, "with": with})
	if err != nil {
		return err
	}
	answer, err := s.Docker.Run(ctx, s.Container, []string{"python", "-m", "mlflow_sso.access_admin"}, bytes.NewReader(request))
	if errors.Is(err, engine.ErrNoContainer) || errors.Is(err, engine.ErrNotRunning) {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	if err != nil {
		return fmt.Errorf("access admin in %s: %w", s.Container, err)
	}
	if into != nil && json.Unmarshal(answer, into) != nil {
		return fmt.Errorf("access admin in %s: the answer is not the wanted JSON; is the image %s of this version?", s.Container, "mlflow")
	}
	return nil
}
