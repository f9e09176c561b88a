package security

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// outgoing are attacks that make the server call addresses of the attacker's choice.
func (c *suite) outgoing() []attack {
	return []attack{{
		name: "outgoing-calls", tries: "a member creates secrets, model definitions and endpoints of the AI gateway, calls it and requests its list of models; a member and an administrator create webhooks; a member starts jobs",
		control: "a search with the same token gets 200; an answer that rejects the request as malformed counts as on", defence: "jobs are off; the gateway and webhooks are off unless a setting lists their hosts, and then only administrators change them, and no other host is accepted",
		next: "check MLFLOW_ENABLE_AI_GATEWAY and its like in the environment of {mlflow}", run: c.outgoingCalls,
	}}
}

// answersWithin is the time limit of a refusal: an outgoing call takes longer.
const answersWithin = 10 * time.Second

func (c *suite) outgoingCalls(ctx context.Context) (string, error) {
	if err := c.expectTaken(ctx, c.thiefToken, "the member's token"); err != nil {
		return "", err
	}
	admin, err := c.visit.Token(ctx, c.admin)
	if err != nil {
		return "", check.NotRun(err)
	}
	webhook := map[string]any{
		"name": c.newName(), "url": "https://" + evil + "/x", "events": []map[string]string{{"entity": "REGISTERED_MODEL", "action": "CREATED"}}, "secret": "x",
	}
	const gateway = "/api/3.0/mlflow/gateway/"
	tries := []struct {
		token, method, path string
		body                any
	}{
		{c.thiefToken, http.MethodGet, "/ajax-api/3.0/mlflow/gateway/supported-models", nil},
		{c.thiefToken, http.MethodPost, gateway + "secrets/create", map[string]any{
			"secret_name": c.newName(), "provider": "openai", "secret_value": map[string]string{"api_key": "x"},
		}},
		{c.thiefToken, http.MethodPost, gateway + "model-definitions/create", map[string]any{
			"name": c.newName(), "secret_id": nothingHasIt, "provider": "openai", "model_name": "x",
		}},
		{c.thiefToken, http.MethodPost, gateway + "endpoints/create", map[string]any{"name": c.newName()}},
		{c.thiefToken, http.MethodGet, gateway + "endpoints/list", nil},
		{c.thiefToken, http.MethodPost, "/gateway/" + nothingHasIt + "/mlflow/invocations", map[string]any{"messages": []any{}}},
		{c.thiefToken, http.MethodPost, "/api/2.0/mlflow/webhooks", webhook},
		{admin, http.MethodPost, "/api/2.0/mlflow/webhooks", webhook},
		{admin, http.MethodPost, "/oidc/webhook", map[string]any{"name": c.newName(), "url": "https://" + evil + "/x", "events": []string{"registered_model.created"}}},
		{c.thiefToken, http.MethodPost, "/api/3.0/mlflow/prompt-optimization/jobs", map[string]any{"experiment_id": "0"}},
	}
	for _, t := range tries {
		got, slow, err := c.within(ctx, answersWithin, request{method: t.method, url: c.stack.MLflow.URL + t.path, header: bearer(t.token), body: t.body})
		switch {
		case slow:
			return "", check.Mismatch(fmt.Sprintf("no answer within %s to %s %s", answersWithin, t.method, t.path), "a refusal at once")
		case err != nil:
			return "", err
		case t.token == admin && got.status/100 == 2:
			return "", check.Mismatch(fmt.Sprintf("%d for an administrator's %s %s: the server calls out", got.status, t.method, t.path), "a refusal")
		case c.isOn(t.path) && (t.method == http.MethodGet && got.status == http.StatusOK || t.token == admin && got.status/100 == 4):
			// A list that a member may read, and the refusal of an unlisted host.
		case !switchedOff(got):
			return "", check.Mismatch(fmt.Sprintf("%d for %s %s", got.status, t.method, t.path), "a refusal that says that it is switched off")
		}
	}
	return fmt.Sprintf("%d requests that would let the server call out are refused", len(tries)), nil
}

// isOn reports whether a setting enables the feature at a path. Members may still only do what
// the server answers without a call.
func (c *suite) isOn(path string) bool {
	if strings.Contains(path, "webhook") {
		return len(c.stack.MLflow.WebhookTargets) > 0
	}
	return strings.Contains(path, "gateway") && len(c.stack.MLflow.GatewayProviders) > 0
}

// switchedOff reports whether a response refuses the feature and not the request: a validation
// error means that it is enabled.
func switchedOff(got response) bool {
	return got.status == http.StatusForbidden || got.status == http.StatusNotImplemented || got.status == http.StatusNotFound && !strings.Contains(got.body, "RESOURCE_DOES_NOT_EXIST")
}
