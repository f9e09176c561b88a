package rotation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// WebhookSecrets ensures that the current key decrypts the secrets of MLflow's webhooks. MLflow
// stores no number of the key with them, and a stack whose webhooks were on under an earlier
// version has secrets under keys that are gone, so all of them are checked each time.
func WebhookSecrets(ctx context.Context, s *stack.Stack) error {
	if s.Config.MLflow.Webhooks == nil {
		return nil
	}
	printed, err := rewrap(ctx, s, credentials.MLflowWebhooks, probe.WebhookSecretRewrap)
	if err != nil {
		return err
	}
	message, err := webhookMessage(printed)
	if err != nil {
		return fmt.Errorf("rotate %s: %w", credentials.MLflowWebhooks, err)
	}
	if message != "" {
		s.NoteFirst(message) // a webhook that is disabled must not be overlooked
	}
	return nil
}

// webhookMessage is what a person should know of what the probe printed; empty if nothing.
func webhookMessage(printed string) (string, error) {
	var result struct {
		Rewrapped int      `json:"rewrapped"`
		Lost      []string `json:"lost"`
	}
	if err := json.Unmarshal([]byte(printed), &result); err != nil {
		return "", fmt.Errorf("got %q from the probe, want JSON: %w", printed, err)
	}
	var parts []string
	if result.Rewrapped > 0 {
		parts = append(parts, fmt.Sprintf("webhook secrets encrypted with the current key: %d", result.Rewrapped))
	}
	if len(result.Lost) > 0 {
		parts = append(parts, fmt.Sprintf("no key of this stack decrypts the secret of webhook %s: it is disabled; set its secret again and enable it",
			strings.Join(result.Lost, ", ")))
	}
	return strings.Join(parts, "; "), nil
}
