package security

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
)

// planted are a member's objects of every kind, each with the marker in its content but never in
// its name: requests contain names and IDs, and errors may repeat them.
type planted struct {
	*fixtures
	token string
	// number is the marker for numeric fields.
	number string
	values belongings
	// reads are the owner's requests for each kind.
	reads map[kind][]attempt
	// absent are kinds that the server did not let the member create.
	absent []string
}

// has reports whether text reveals something about the objects.
func (p *planted) has(text string) bool {
	return strings.Contains(text, p.marker) || strings.Contains(text, p.number)
}

// newTraceID returns a random ID in OTLP's hexadecimal spelling.
func newTraceID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// spanOf returns an OTLP export of one span.
func spanOf(trace, name string, attributes map[string]string) map[string]any {
	all := make([]any, 0, len(attributes))
	for key, value := range attributes {
		all = append(all, map[string]any{"key": key, "value": map[string]string{"stringValue": value}})
	}
	now := time.Now().UnixNano()
	return map[string]any{"resourceSpans": []any{map[string]any{"scopeSpans": []any{map[string]any{"spans": []any{map[string]any{
		"traceId": trace, "spanId": newTraceID()[:16], "name": name, "attributes": all,
		"startTimeUnixNano": fmt.Sprint(now), "endTimeUnixNano": fmt.Sprint(now + int64(time.Millisecond)),
	}}}}}}}
}

// sendSpan exports a span over OTLP.
func (c *suite) sendSpan(ctx context.Context, token, experiment string, body map[string]any, more ...string) (response, error) {
	header := bearer(token)
	header.Set("x-mlflow-experiment-id", experiment)
	for i := 0; i+1 < len(more); i += 2 {
		header.Set(more[i], more[i+1])
	}
	return c.ask(ctx, request{method: http.MethodPost, url: c.stack.MLflow.URL + "/v1/traces", header: header, body: body})
}

const api3 = "/api/3.0/mlflow/"

// plant creates one object of each kind for a member.
func (c *suite) plant(ctx context.Context, who *scenario.Person, token string) (*planted, error) {
	base, err := c.makeThings(ctx, token)
	if err != nil {
		return nil, err
	}
	digits, err := rand.Int(rand.Reader, big.NewInt(1_000_000_000))
	if err != nil {
		return nil, err
	}
	p := &planted{fixtures: base, token: token, number: fmt.Sprintf("77%09d", digits), reads: map[kind][]attempt{}, values: belongings{
		kindExperiment: base.experiment, kindExperimentName: base.experimentName, kindRun: base.run, kindModel: base.model,
		kindFile: base.files() + "/" + noteName, kindLocation: "mlflow-artifacts:/" + base.files(), kindPerson: who.Email,
	}}
	see := func(k kind, all ...attempt) { p.reads[k] = append(p.reads[k], all...) }
	get := func(path string) attempt { return attempt{http.MethodGet, path, nil} }
	see(kindExperiment, get(api+"experiments/get?experiment_id="+base.experiment), get(api+"permissions/experiments/"+base.experiment+"/users"))
	see(kindRun, get(api+"runs/get?run_id="+base.run))
	see(kindFile, get(artifacts+"/"+base.files()+"/"+noteName), get(api+"artifacts/list?run_id="+base.run))
	see(kindModel, get(api+"registered-models/get?name="+base.model), get(api+"model-versions/get?name="+base.model+"&version=1"),
		get(api+"permissions/registered-models/"+base.model+"/users"))
	for _, step := range []func(context.Context, *planted) error{
		c.plantRun, c.plantPrompt, c.plantLoggedModel, c.plantTrace, c.plantDataset, c.plantReviews, c.plantScorer, c.plantServer,
	} {
		if err := step(ctx, p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// make creates one object, and returns the response; if it is optional and refused, the kind
// counts as absent.
func (c *suite) make(ctx context.Context, p *planted, k kind, path string, body map[string]any) (map[string]any, error) {
	got, err := c.as(ctx, p.token, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	var made map[string]any
	if got.status/100 != 2 || json.Unmarshal([]byte(got.body), &made) != nil {
		p.absent = append(p.absent, fmt.Sprintf("%s (%d)", k, got.status))
		return nil, nil //nolint:nilerr // noted as absent
	}
	return made, nil
}

// at returns a text within a response; empty if it is missing.
func at(answer any, steps ...string) string {
	for _, step := range steps {
		object, ok := answer.(map[string]any)
		if !ok {
			return ""
		}
		answer = object[step]
	}
	switch v := answer.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(int64(v))
	}
	return ""
}

func (p *planted) tag() []map[string]string {
	return []map[string]string{{"key": "note", "value": p.marker}}
}

// sorted normalizes the order of members and list elements in JSON: a database returns tags in
// varying order. Other text is unchanged.
func sorted(text string) string {
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return text
	}
	raw, err := json.Marshal(inOrder(value))
	if err != nil {
		return text
	}
	return string(raw)
}

func inOrder(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = inOrder(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = inOrder(inner)
		}
		slices.SortFunc(v, func(a, b any) int {
			left, _ := json.Marshal(a)
			right, _ := json.Marshal(b)
			return bytes.Compare(left, right)
		})
	}
	return value
}
