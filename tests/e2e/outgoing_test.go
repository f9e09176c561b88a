//go:build e2e

package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// standIn is a local server that stands in for a model provider and a webhook's target, at the
// address by which containers reach this host.
type standIn struct {
	url   string
	mutex sync.Mutex
	seen  []received
}

type received struct {
	path   string
	header http.Header
	body   []byte
}

func startStandIn(t *testing.T) *standIn {
	t.Helper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(hostFromContainers(t, openEngine(t)), "0"))
	require.NoError(t, err)
	s := &standIn{url: "http://" + listener.Addr().String()}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: s}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	s.seen = append(s.seen, received{r.URL.Path, r.Header.Clone(), body})
	s.mutex.Unlock()
	if strings.HasPrefix(r.URL.Path, "/hang") {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},
		"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`)
}

// at are the requests to a path.
func (s *standIn) at(path string) (found []received) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, r := range s.seen {
		if r.path == path {
			found = append(found, r)
		}
	}
	return found
}

// apiClient calls MLflow with a service account's token.
type apiClient struct {
	url, token string
	http       *http.Client
}

func (c apiClient) ask(t *testing.T, method, path string, body any) (status int, answer map[string]any, text string) {
	t.Helper()
	content, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, c.url+path, bytes.NewReader(content))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	got, err := c.http.Do(request)
	require.NoError(t, err)
	defer func() { _ = got.Body.Close() }()
	raw, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	_ = json.Unmarshal(raw, &answer)
	return got.StatusCode, answer, string(raw)
}

// must requires 200 and returns a text in the response, by its path.
func (c apiClient) must(t *testing.T, method, path string, body any, at ...string) string {
	t.Helper()
	status, answer, text := c.ask(t, method, path, body)
	require.Contains(t, []int{http.StatusOK, http.StatusCreated}, status, "%s: %s", path, text)
	var value any = answer
	for _, key := range at {
		object, ok := value.(map[string]any)
		require.True(t, ok, text)
		value = object[key]
	}
	found, _ := value.(string)
	return found
}

// endpoint creates a secret, a model and an endpoint of the AI gateway.
func (c apiClient) endpoint(t *testing.T, name, base string) {
	t.Helper()
	const api = "/api/3.0/mlflow/gateway/"
	secret := c.must(t, http.MethodPost, api+"secrets/create", map[string]any{
		"secret_name": name, "provider": "openai", "secret_value": map[string]string{"api_key": "the-key"}, "auth_config": map[string]string{"api_base": base},
	}, "secret", "secret_id")
	model := c.must(t, http.MethodPost, api+"model-definitions/create", map[string]any{"name": name, "secret_id": secret, "provider": "openai", "model_name": "m"},
		"model_definition", "model_definition_id")
	c.must(t, http.MethodPost, api+"endpoints/create", map[string]any{
		"name": name, "model_configs": []any{map[string]any{"model_definition_id": model, "linkage_type": "PRIMARY", "weight": 1.0}},
	})
}

func (c apiClient) call(t *testing.T, name string) (int, string) {
	t.Helper()
	status, _, text := c.ask(t, http.MethodPost, "/gateway/"+name+"/mlflow/invocations", map[string]any{"messages": []any{map[string]string{"role": "user", "content": "x"}}})
	return status, text
}

// outgoingLab is a stack with the AI gateway and webhooks enabled for the stand-in only.
func outgoingLab(t *testing.T, target *standIn) *lab {
	t.Helper()
	l := ownLab(t)
	l.outgoing(t, target, 1)
	l.must(t, "up")
	return l
}

// outgoing writes the stack file with a generation of the webhooks' key.
func (l *lab) outgoing(t *testing.T, target *standIn, generation int) {
	t.Helper()
	require.NoError(t, os.WriteFile(l.file, fmt.Appendf(nil, `config:
  mlflow-sso:name: %[1]s
  mlflow-sso:mlflow:
    publicURL: http://localhost:%[2]d
    port: %[2]d
    gateway:
      providers: [openai]
      hosts: [api.openai.com]
      ownServers: ["%[4]s"]
    webhooks:
      ownServers: ["%[4]s"]
  mlflow-sso:keycloak:
    publicURL: http://localhost:%[3]d
    port: %[3]d
  mlflow-sso:realm:
    sslRequired: none
  mlflow-sso:serviceAccounts:
    - {name: boss, groups: [mlflow-admins], admin: true}
    - {name: may, groups: [mlflow-users]}
    - {name: other, groups: [mlflow-users]}
  mlflow-sso:credentials:
    generations: {mlflow/webhook-key: %[5]d}
`, l.name, l.mlflow, l.keycloak, target.url, generation), 0o600))
}

func (l *lab) as(t *testing.T, out outputs.Stack, account string) apiClient {
	t.Helper()
	return apiClient{out.MLflow.URL, strings.TrimSpace(l.must(t, "token", account).stdout), &http.Client{Timeout: time.Minute}}
}

// Outgoing calls go only where a setting permits, for users whom an administrator permits, and
// contain nothing of the caller; webhooks keep their secrets over a rotation of the key.
func TestTheGatewayAndWebhooksCallOnlyTheListedServer(t *testing.T) {
	nightly(t)
	target, unlisted := startStandIn(t), startStandIn(t)
	l := outgoingLab(t, target)
	out, err := l.outputs(t.Context())
	require.NoError(t, err)
	admin, may, other := l.as(t, out, "boss"), l.as(t, out, "may"), l.as(t, out, "other")

	admin.endpoint(t, "chat", target.url+"/ok/v1")
	status, text := may.call(t, "chat")
	require.Equal(t, http.StatusForbidden, status, text)
	admin.must(t, http.MethodPost, "/api/2.0/mlflow/permissions/users/service-account-may/gateways/endpoints/chat", map[string]string{"permission": "USE"})
	require.Eventually(t, func() bool { status, text = may.call(t, "chat"); return status == http.StatusOK }, 20*time.Second, time.Second, "permissions are cached for a moment")
	require.Contains(t, text, "hello")
	status, text = other.call(t, "chat")
	require.Equal(t, http.StatusForbidden, status, text)
	for _, r := range target.at("/ok/v1/chat/completions") {
		require.Equal(t, "Bearer the-key", r.header.Get("Authorization"))
		require.Empty(t, r.header.Get("Cookie"))
	}
	for _, member := range []apiClient{may, other} {
		status, _, text = member.ask(t, http.MethodPost, "/api/3.0/mlflow/gateway/secrets/create", map[string]any{"secret_name": "x", "secret_value": map[string]string{"api_key": "k"}})
		require.Equal(t, http.StatusForbidden, status, text)
	}
	status, _, text = admin.ask(t, http.MethodPost, "/api/3.0/mlflow/gateway/secrets/create", map[string]any{
		"secret_name": "x", "provider": "openai", "secret_value": map[string]string{"api_key": "k"}, "auth_config": map[string]string{"api_base": unlisted.url},
	})
	require.Equal(t, http.StatusBadRequest, status, text)

	t.Run("calls that hang cost others nothing", func(t *testing.T) {
		admin.endpoint(t, "hang", target.url+"/hang/v1")
		hanging := admin
		hanging.http = &http.Client{Timeout: 20 * time.Second}
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, out.MLflow.URL+"/gateway/hang/mlflow/invocations", strings.NewReader(`{"messages":[{"role":"user","content":"x"}]}`))
				if err != nil {
					return
				}
				request.Header.Set("Authorization", "Bearer "+hanging.token)
				request.Header.Set("Content-Type", "application/json")
				if answer, err := hanging.http.Do(request); err == nil {
					_ = answer.Body.Close()
				}
			})
		}
		require.Eventually(t, func() bool { return len(target.at("/hang/v1/chat/completions")) >= 8 }, 15*time.Second, 100*time.Millisecond)
		for range 10 {
			begun := time.Now()
			may.must(t, http.MethodPost, "/api/2.0/mlflow/experiments/search", map[string]any{"max_results": 1})
			require.Less(t, time.Since(begun), time.Second)
		}
		calls.Wait()
	})

	webhook := func(name, url string) (int, string) {
		status, _, text := admin.ask(t, http.MethodPost, "/api/2.0/mlflow/webhooks", map[string]any{
			"name": name, "url": url, "secret": "the secret", "events": []any{map[string]string{"entity": "REGISTERED_MODEL", "action": "CREATED"}},
		})
		return status, text
	}
	status, text = webhook("unlisted", unlisted.url+"/x")
	require.Equal(t, http.StatusBadRequest, status, text)
	status, text = webhook("listed", target.url+"/hook")
	require.Equal(t, http.StatusOK, status, text)
	delivered := func(model string) {
		t.Helper()
		before := len(target.at("/hook"))
		time.Sleep(6 * time.Second) // as long as a process caches its list of webhooks
		admin.must(t, http.MethodPost, "/api/2.0/mlflow/registered-models/create", map[string]string{"name": model})
		require.Eventually(t, func() bool { return len(target.at("/hook")) > before }, 20*time.Second, 100*time.Millisecond)
		r := target.at("/hook")[before]
		require.Contains(t, string(r.body), model)
		signed := hmac.New(sha256.New, []byte("the secret"))
		_, _ = fmt.Fprintf(signed, "%s.%s.%s", r.header.Get("X-MLflow-Delivery-Id"), r.header.Get("X-MLflow-Timestamp"), r.body)
		require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(signed.Sum(nil)), r.header.Get("X-MLflow-Signature"))
		require.Empty(t, r.header.Get("Authorization"))
	}
	delivered("first")

	t.Run("a rotated key opens the secrets", func(t *testing.T) {
		l.outgoing(t, target, 2)
		said := l.must(t, "up")
		require.Contains(t, said.stderr+said.stdout, "webhook secrets encrypted with the current key: 1")
		admin = l.as(t, out, "boss")
		delivered("second")
	})
	require.Empty(t, unlisted.seen)
	l.must(t, "drift")
}
