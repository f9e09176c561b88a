package security

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// sessionState is the plugin's record of a user's sessions.
type sessionState struct {
	Left      []float64
	Renewable bool
}

// sessionsOf reads the plugin's database; with "expire", it expires their tokens.
func (c *suite) sessionsOf(ctx context.Context, who *scenario.Person, more ...string) (sessionState, error) {
	var state sessionState
	err := c.inMLflow(ctx, probe.SessionLifetime, who.Email, &state, more...)
	if err == nil && len(state.Left) == 0 {
		err = errors.New("a signed-in user has no session")
	}
	if err != nil {
		return state, check.NotRun(fmt.Errorf("read sessions inside %s: %w", c.stack.MLflow.Container, err))
	}
	return state, nil
}

// boundedSession returns the lifetime of the user's sessions, and requires that it does not
// exceed Keycloak's token.
func (c *suite) boundedSession(ctx context.Context, who *scenario.Person) (time.Duration, error) {
	state, err := c.sessionsOf(ctx, who)
	if err != nil {
		return 0, err
	}
	if state.Renewable {
		return 0, check.Mismatch("a session that renews itself", "one that ends with its token")
	}
	life, err := lifeOf(c.ownerToken)
	if err != nil {
		return 0, check.NotRun(err)
	}
	var longest time.Duration
	for _, seconds := range state.Left {
		longest = max(longest, time.Duration(seconds*float64(time.Second)))
	}
	if longest > life+loginTakes {
		return 0, check.Mismatch(fmt.Sprintf("a session that lives for %s", longest.Round(time.Second)), "at most "+life.String()+", as the token")
	}
	return longest, nil
}

// loginTakes is the tolerance for a token that was issued a while after the login: Keycloak's
// tokens do not outlive its session.
const loginTakes = time.Minute

// endsWithin is how long a process may cache that a user is active (decision 13), plus a margin.
const endsWithin = 4 * time.Second

// expectEnd requires that the user's session ends in time.
func (c *suite) expectEnd(ctx context.Context, who *scenario.Person, within time.Duration, since string) error {
	for deadline := time.Now().Add(within); ; {
		page, err := who.Browser.Fetch(ctx, http.MethodGet, c.stack.MLflow.URL+mePath, nil, nil)
		switch {
		case err != nil:
			return err
		case page.Status == http.StatusUnauthorized || page.Status == http.StatusForbidden:
			return nil
		case time.Now().After(deadline):
			return check.Mismatch(fmt.Sprintf("%d for a session, %s after %s", page.Status, within, since), "401")
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause is the polling interval for something that ends soon.
func pause(ctx context.Context) error {
	return poll.Pause(ctx, endsWithin/10)
}
