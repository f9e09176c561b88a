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

// APIKeys sees that the key of now opens the API keys which people have stored in
// MLflow. It is done once no process with the key of before can write another one.
func APIKeys(ctx context.Context, s *stack.Stack, step stack.Step) error {
	keys, err := s.Keys(ctx)
	if err != nil || keys.Version(credentials.MLflowGateway) == credentials.FirstVersion {
		return err
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	now, err := keys.Current(credentials.MLflowGateway)
	if err != nil {
		return err
	}
	before, err := keys.Previous(credentials.MLflowGateway)
	if err != nil {
		return err
	}
	input, err := json.Marshal(map[string]any{"now": now, "before": before})
	if err != nil {
		return err
	}
	step.Say("checking the API keys that are stored in MLflow")
	ran, err := probe.APIKeyRewrap.Exec(ctx, s.Docker, deployed.MLflow.Container, input)
	if err == nil && ran.ExitCode != 0 {
		// The probe says in its last line what is wrong, without a secret.
		lines := strings.Split(strings.TrimSpace(ran.Stderr), "\n")
		err = errors.New(lines[len(lines)-1])
	}
	if err != nil {
		return fmt.Errorf("turn %s: %w; `mlflow-sso up` goes on from there", credentials.MLflowGateway, err)
	}
	if rewrapped := strings.TrimSpace(ran.Stdout); rewrapped != "0" {
		step.Say("%s stored API keys are encrypted with the key of now", rewrapped)
	}
	return nil
}
