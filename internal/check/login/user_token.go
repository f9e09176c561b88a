package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/edgeclient"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// Bearer logs a demo user in, as the checks do, and returns an access token that
// Keycloak signed for them: what a script sends to MLflow. The session in which
// it was made ends here; the token lives on, for as long as tokens do. Never
// print it.
func Bearer(ctx context.Context, stack outputs.Stack, docker *engine.Engine, user outputs.User) (token string, err error) {
	p := newProof(stack, docker)
	defer p.close()
	defer func() {
		_, cleaned := p.checkCleanup(context.WithoutCancel(ctx))
		err = errors.Join(err, cleaned)
	}()
	if p.front, err = edgeclient.Open(ctx, stack, docker); err != nil {
		return "", fmt.Errorf("token for %s: %w", user.Username, err)
	}
	for _, prepare := range []func(context.Context) (string, error){p.checkDiscovery, p.checkLoginRequest} {
		if _, err := prepare(ctx); err != nil {
			return "", fmt.Errorf("token for %s: %w", user.Username, err)
		}
	}
	who := &person{username: user.Username, email: user.Email, password: user.Password, group: user.Group}
	if err := p.signIn(ctx, who, user.Group == stack.Realm.AdminGroup); err != nil {
		return "", fmt.Errorf("token for %s: %w", user.Username, err)
	}
	token, err = p.accessToken(ctx, who.browser)
	if err != nil {
		return "", fmt.Errorf("token for %s: %w", user.Username, err)
	}
	return token, nil
}
