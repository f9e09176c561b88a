package rotation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// rewrap runs a probe in MLflow's container with the current and the previous values of a
// credential on its standard input, and returns what it printed.
func rewrap(ctx context.Context, s *stack.Stack, label credentials.Label, p probe.Probe) (string, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return "", err
	}
	stackOutputs, err := s.Outputs(ctx)
	if err != nil {
		return "", err
	}
	now, err := keys.Current(label)
	if err != nil {
		return "", err
	}
	before, err := keys.Previous(label)
	if err != nil {
		return "", err
	}
	input, err := json.Marshal(map[string]any{"now": now, "before": before})
	if err != nil {
		return "", err
	}
	ran, err := p.Exec(ctx, s.Docker, stackOutputs.MLflow.Container, input)
	if err == nil && ran.ExitCode != 0 {
		// The probe says in its last line what is wrong, without a secret.
		lines := strings.Split(strings.TrimSpace(ran.Stderr), "\n")
		err = errors.New(lines[len(lines)-1])
	}
	if err != nil {
		return "", fmt.Errorf("rotate %s: %w; run `mlflow-sso up` again, which continues", label, err)
	}
	return strings.TrimSpace(ran.Stdout), nil
}
