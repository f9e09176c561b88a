package encryptionkey

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// container answers a command, and records it.
type container struct {
	result engine.Result
	err    error
	argv   []string
	inputs int
}

func (c *container) Exec(_ context.Context, _ string, argv []string, options ...engine.ExecOption) (engine.Result, error) {
	c.argv, c.inputs = argv, len(options)
	return c.result, c.err
}

var keys = Keys{
	Label: credentials.MLflowGateway, Current: credentials.Key{Number: 1002, Value: "current-secret"},
	Previous: []credentials.Key{{Number: 1, Value: "previous-secret"}},
}

func TestValuesOfKeysAreNeverArguments(t *testing.T) {
	c := &container{result: engine.Result{Stdout: `{"rewrapped": 2, "pending": [1001, 1], "lost": []}`}}
	for name, do := range map[string]func() (Found, error){
		"rewrap": func() (Found, error) { return Rewrap(t.Context(), c, "x-mlflow", keys) },
		"report": func() (Found, error) { return Report(t.Context(), c, "x-mlflow", keys) },
	} {
		found, err := do()
		require.NoError(t, err)
		require.Equal(t, "1.1", found.Version())
		require.Equal(t, "stored API keys encrypted with the current key: 2", found.Message())
		require.Empty(t, found.Warning())
		require.Equal(t, 1, c.inputs)
		require.Equal(t, name == "report", slices.Contains(c.argv, "report"))
		for _, argument := range c.argv {
			require.NotContains(t, argument, "secret-of")
		}
	}
}

func TestWhatNoKeyDecryptsIsNamedWithTheNextStep(t *testing.T) {
	c := &container{result: engine.Result{Stdout: `{"rewrapped": 0, "pending": [0, 1], "lost": ["a", "b"]}`}}
	webhooks := keys
	webhooks.Label = credentials.MLflowWebhooks
	found, err := Rewrap(t.Context(), c, "x-mlflow", webhooks)
	require.NoError(t, err)
	require.Empty(t, found.Message())
	require.Equal(t, "no key of this stack decrypts the secret of webhook a, b: it is disabled; set its secret again and enable it", found.Warning())
	require.Equal(t, "unknown", found.Version())
	found, err = Report(t.Context(), c, "x-mlflow", keys)
	require.NoError(t, err)
	require.Equal(t, "no key of this stack decrypts the stored API key a, b: remove it in MLflow and store it again", found.Warning())
	require.Empty(t, Found{}.Version())
}

func TestAFailureSaysWhatIsWrongAndRepeatsNoKey(t *testing.T) {
	for _, c := range []*container{
		{err: errors.New("the engine is down")},
		{result: engine.Result{ExitCode: 1, Stderr: "Traceback of many lines\nOperationalError: refused\n"}},
		{result: engine.Result{Stdout: "current-secret"}},
	} {
		_, err := Rewrap(t.Context(), c, "x-mlflow", keys)
		require.ErrorContains(t, err, "mlflow/gateway-key: ")
		require.NotContains(t, err.Error(), "secret-of")
		require.NotContains(t, err.Error(), "Traceback")
	}
	_, err := Rewrap(t.Context(), &container{}, "x-mlflow", Keys{Label: credentials.Redis})
	require.ErrorContains(t, err, "want mlflow/gateway-key or mlflow/webhook-key")
	require.False(t, Known(credentials.Redis))
}
