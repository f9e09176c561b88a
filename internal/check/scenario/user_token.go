package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Bearer logs a demo user in, as the checks do, and returns an access token that Keycloak signed
// for the user, such as a script sends to MLflow. It ends the session of that login; the token
// stays valid for its lifetime. Never print it.
func Bearer(ctx context.Context, stack outputs.Stack, docker *engine.Engine, user outputs.User) (token string, err error) {
	s := New(stack, docker)
	defer func() {
		_, cleaned := s.TearDown(context.WithoutCancel(ctx))
		if err = errors.Join(err, cleaned); err != nil {
			err = fmt.Errorf("token for %s: %w", user.Username, err)
		}
	}()
	if err := s.Connect(ctx); err != nil {
		return "", err
	}
	for _, prepare := range []func(context.Context) (string, error){s.CheckDiscovery, s.CheckLoginRequest} {
		if _, err := prepare(ctx); err != nil {
			return "", err
		}
	}
	who := DemoUser(user)
	if err := s.SignIn(ctx, who); err != nil {
		return "", err
	}
	return s.Token(ctx, who)
}
