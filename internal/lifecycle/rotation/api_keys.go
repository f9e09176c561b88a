package rotation

import (
	"context"
	_ "embed"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

//go:embed rewrap_api_keys.py
var gatewayScript string

// APIKeys sees that the key of now opens the API keys which people have stored in
// MLflow. It is done once no process with the key of before can write another one.
func APIKeys(ctx context.Context, s *stack.Stack, step stack.Step) error {
	keys, err := s.Keys(ctx)
	if err != nil || keys.Version(credentials.MLflowGateway) == credentials.FirstVersion {
		return err
	}
	step.Say("checking the API keys that are stored in MLflow")
	rewrapped, err := rewrap(ctx, s, credentials.MLflowGateway, gatewayScript)
	if err != nil {
		return err
	}
	if rewrapped != "0" {
		step.Say("%s stored API keys are encrypted with the key of now", rewrapped)
	}
	return nil
}
