// Package breakglass grants an operator temporary administrator access to MLflow while Keycloak
// is down.
//
// It only requires permission to run a command in MLflow's container. MLflow's audit log and
// database record who used it, why and until when. The token expires by itself; the account's
// permissions are revoked when the command ends, or by the identity sync if the command was
// killed.
package breakglass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// MaxDuration is the maximum duration of temporary access; the image enforces it, too.
const MaxDuration = 8 * time.Hour

// TemporaryAdmin is a temporary administrator account.
type TemporaryAdmin struct {
	Username string    `json:"username"`
	Token    string    `json:"token"`
	Until    time.Time `json:"until"`
}

// Manager grants and revokes access to a stack's MLflow.
type Manager struct {
	stack  outputs.Stack
	docker *engine.Engine
}

// New returns a manager for a stack; only MLflow and its database must run.
func New(stack outputs.Stack, docker *engine.Engine) *Manager { return &Manager{stack, docker} }

// Grant grants access for whole minutes. The caller revokes it.
func (g *Manager) Grant(ctx context.Context, length time.Duration, person, reason string) (*TemporaryAdmin, error) {
	if length < time.Minute || length > MaxDuration || length%time.Minute != 0 {
		return nil, fmt.Errorf("time: got %s, want whole minutes, 1m to %s", length, MaxDuration)
	}
	if strings.TrimSpace(person) == "" || strings.TrimSpace(reason) == "" {
		return nil, errors.New("got no operator or no reason, want both for the audit log")
	}
	pass := &TemporaryAdmin{}
	err := g.ask(ctx, map[string]any{"minutes": int(length / time.Minute), "person": person, "reason": reason}, pass)
	if err == nil && pass.Token == "" {
		err = errors.New("MLflow created no token")
	}
	if err != nil {
		return nil, fmt.Errorf("a pass for %s: %w", person, err)
	}
	return pass, nil
}

// Revoke revokes access, and reports whether it was still active.
func (g *Manager) Revoke(ctx context.Context, pass *TemporaryAdmin) (bool, error) {
	var answer struct {
		Ended bool `json:"ended"`
	}
	if err := g.ask(ctx, map[string]any{"end": pass.Username}, &answer); err != nil {
		return false, fmt.Errorf("end %s: %w", pass.Username, err)
	}
	return answer.Ended, nil
}

// ask runs the image's own module. Its output may contain a token, so no error repeats it.
func (g *Manager) ask(ctx context.Context, question map[string]any, answer any) error {
	input, err := json.Marshal(question)
	if err != nil {
		return err
	}
	name := g.stack.MLflow.Container
	said, err := g.docker.Run(ctx, name, []string{"python", "-m", "mlflow_sso.break_glass"}, bytes.NewReader(input))
	if err != nil {
		return fmt.Errorf("inside %s: %w; `mlflow-sso doctor` says what is wrong with MLflow or its database", name, err)
	}
	// Libraries may print first; the result is the last line.
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if json.Unmarshal([]byte(lines[len(lines)-1]), answer) != nil {
		return fmt.Errorf("inside %s: the answer is not the wanted JSON; is the image of another version?", name)
	}
	return nil
}
