// Package encryptionkey makes secrets that users store in MLflow readable with the current key:
// the API keys of the AI gateway, and the secrets of webhooks.
//
// A probe in MLflow's container does it, in one transaction. So an interruption leaves all of
// them as they were, and whoever does it again continues.
package encryptionkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// kinds are what the keys encrypt.
var kinds = map[credentials.Label]struct {
	probe probe.Probe
	// what is said of those that were encrypted again, and of those that no key decrypts: once
	// that was dealt with, and before.
	what, lost, unreadable string
}{
	credentials.MLflowGateway: {
		probe.APIKeyRewrap, "stored API keys",
		"no key of this stack decrypts the stored API key %s: remove it in MLflow and store it again",
		"no key of this stack decrypts the stored API key %s: remove it in MLflow and store it again",
	},
	credentials.MLflowWebhooks: {
		probe.WebhookSecretRewrap, "webhook secrets",
		"no key of this stack decrypts the secret of webhook %s: it is disabled; set its secret again and enable it",
		"no key of this stack decrypts the secret of webhook %s: an update disables it",
	},
}

// Known says whether a credential is such a key.
func Known(label credentials.Label) bool {
	_, ok := kinds[label]
	return ok
}

// Keys are the current value of a credential and those that it had before.
type Keys struct {
	Label   credentials.Label
	Current credentials.Key
	// Previous are in no order.
	Previous []credentials.Key
}

// Found is what was found in MLflow's database.
type Found struct {
	// Rewrapped is how many secrets were encrypted again.
	Rewrapped int `json:"rewrapped"`
	// Pending are the numbers of keys, other than the current one, that encrypt a secret which
	// is to be changed; 0 for one that no key decrypts.
	Pending []int `json:"pending"`
	// Lost are the names of secrets that no key decrypts.
	Lost []string `json:"lost"`

	label  credentials.Label
	report bool
}

// Message is what a person should know; empty if nothing.
func (f Found) Message() string {
	if f.Rewrapped == 0 {
		return ""
	}
	return fmt.Sprintf("%s encrypted with the current key: %d", kinds[f.label].what, f.Rewrapped)
}

// Warning names what no key decrypts; empty if there is nothing.
func (f Found) Warning() string {
	if len(f.Lost) == 0 {
		return ""
	}
	text := kinds[f.label].lost
	if f.report {
		text = kinds[f.label].unreadable
	}
	return fmt.Sprintf(text, strings.Join(f.Lost, ", "))
}

// Version is that of the oldest key that is to be replaced, "unknown" where no key decrypts a
// secret; empty where the current one encrypts all.
func (f Found) Version() string {
	if len(f.Pending) == 0 {
		return ""
	}
	oldest := f.Pending[0]
	for _, number := range f.Pending {
		oldest = min(oldest, number)
	}
	if oldest == 0 {
		return "unknown"
	}
	return credentials.VersionOfNumber(oldest)
}

// Rewrap encrypts with the current key what a previous one encrypts.
func Rewrap(ctx context.Context, in probe.Engine, container string, keys Keys) (Found, error) {
	return run(ctx, in, container, keys)
}

// Report says what Rewrap would change, and changes nothing.
func Report(ctx context.Context, in probe.Engine, container string, keys Keys) (Found, error) {
	found, err := run(ctx, in, container, keys, "report")
	found.report = true
	return found, err
}

func run(ctx context.Context, in probe.Engine, container string, keys Keys, arguments ...string) (Found, error) {
	found := Found{label: keys.Label}
	kind, ok := kinds[keys.Label]
	if !ok {
		return found, fmt.Errorf("key %q: encrypts nothing in MLflow, want %s or %s", keys.Label, credentials.MLflowGateway, credentials.MLflowWebhooks)
	}
	input, err := json.Marshal(map[string]any{"now": keys.Current, "before": keys.Previous})
	if err != nil {
		return found, fmt.Errorf("%s: %w", keys.Label, err)
	}
	ran, err := kind.probe.Exec(ctx, in, container, input, arguments...)
	if err == nil && ran.ExitCode != 0 {
		// The probe's last line says what is wrong, without a secret.
		lines := strings.Split(strings.TrimSpace(ran.Stderr), "\n")
		err = errors.New(lines[len(lines)-1])
	}
	if err != nil {
		return found, fmt.Errorf("%s: %w", keys.Label, err)
	}
	if json.Unmarshal([]byte(ran.Stdout), &found) != nil {
		return found, fmt.Errorf("%s: the answer of probe %s is no JSON of the kind that was wanted", keys.Label, kind.probe)
	}
	return found, nil
}
