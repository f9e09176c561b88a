// Package encryptionkey re-encrypts secrets that users store in MLflow with the current key: the
// API keys of the AI gateway, and the secrets of webhooks.
//
// A probe in MLflow's container does it in one transaction. An interruption leaves all of them
// unchanged, and the next run continues.
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

// kinds are the kinds of encrypted secrets.
var kinds = map[credentials.Label]struct {
	probe probe.Probe
	// The messages about secrets that were encrypted again, and about those that no key decrypts,
	// after and before they are handled.
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

// Known reports whether a credential is such a key.
func Known(label credentials.Label) bool {
	_, ok := kinds[label]
	return ok
}

// Keys are the current and previous values of a credential.
type Keys struct {
	Label   credentials.Label
	Current credentials.Key
	// Previous are in no order.
	Previous []credentials.Key
}

// Found is the state of MLflow's database.
type Found struct {
	// Rewrapped is the number of secrets that were encrypted again.
	Rewrapped int `json:"rewrapped"`
	// Pending are the numbers of keys, other than the current one, of secrets that must be
	// encrypted again; 0 for one that no key decrypts.
	Pending []int `json:"pending"`
	// Lost are the names of secrets that no key decrypts.
	Lost []string `json:"lost"`

	label  credentials.Label
	report bool
}

// Message returns a message for the operator; empty if there is none.
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

// Version returns the version of the oldest key that must be replaced, "unknown" if no key
// decrypts a secret; empty if the current one encrypts all.
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
		// The probe's last line is its error, without a secret.
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
