package rotation

import (
	"context"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// APIKeys ensures that the current key decrypts the API keys which users have stored in
// MLflow. It runs once no process with the previous key can write another one.
func APIKeys(ctx context.Context, s *stack.Stack, step stack.Step) error {
	keys, err := s.Keys(ctx)
	if err != nil || keys.Version(credentials.MLflowGateway) == credentials.FirstVersion {
		return err
	}
	step.Say("checking the API keys that are stored in MLflow")
	printed, err := rewrap(ctx, s, credentials.MLflowGateway, probe.APIKeyRewrap)
	if err != nil {
		return err
	}
	if rewrapped := strings.TrimSpace(printed); rewrapped != "0" {
		s.Note("stored API keys encrypted with the current key: " + rewrapped)
	}
	return nil
}
