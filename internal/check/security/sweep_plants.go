package security

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

func (c *suite) plantRun(ctx context.Context, p *planted) error {
	var anything struct{}
	if err := c.made(ctx, p.token, "runs/log-batch", map[string]any{
		"run_id": p.run, "params": p.tag(), "metrics": []map[string]any{{"key": "m", "value": json.Number(p.number), "timestamp": 1, "step": 0}},
	}, &anything); err != nil {
		return err
	}
	p.reads[kindRun] = append(p.reads[kindRun], attempt{http.MethodGet, api + "metrics/get-history?metric_key=m&run_id=" + p.run, nil})
	return c.made(ctx, p.token, "registered-models/alias", map[string]any{"name": p.model, "alias": "champion", "version": "1"}, &anything)
}

func (c *suite) plantPrompt(ctx context.Context, p *planted) error {
	name := c.newName()
	isPrompt := map[string]string{"key": "mlflow.prompt.is_prompt", "value": "true"}
	var anything struct{}
	if err := c.made(ctx, p.token, "registered-models/create", map[string]any{"name": name, "tags": append(p.tag(), isPrompt)}, &anything); err != nil {
		return err
	}
	text := map[string]string{"key": "mlflow.prompt.text", "value": p.marker}
	if err := c.made(ctx, p.token, "model-versions/create", map[string]any{"name": name, "source": "dummy-source", "tags": append(p.tag(), isPrompt, text)}, &anything); err != nil {
		return err
	}
	p.values[kindPrompt] = name
	p.reads[kindPrompt] = []attempt{
		{http.MethodGet, api + "registered-models/get?name=" + name, nil}, {http.MethodGet, api + "model-versions/get?version=1&name=" + name, nil},
	}
	return nil
}

func (c *suite) plantLoggedModel(ctx context.Context, p *planted) error {
	made, err := c.make(ctx, p, kindLoggedModel, api+"logged-models", map[string]any{
		"experiment_id": p.experiment, "name": "m", "source_run_id": p.run, "tags": p.tag(), "params": p.tag(),
	})
	if err != nil || made == nil {
		return err
	}
	p.values[kindLoggedModel] = at(made, "model", "info", "model_id")
	p.reads[kindLoggedModel] = []attempt{{http.MethodGet, api + "logged-models/" + p.values[kindLoggedModel], nil}}
	return nil
}

func (c *suite) plantTrace(ctx context.Context, p *planted) error {
	id := newTraceID()
	got, err := c.sendSpan(ctx, p.token, p.experiment, spanOf(id, "span", map[string]string{"note": p.marker, "mlflow.spanInputs": `"` + p.marker + `"`}))
	if err != nil {
		return err
	}
	if got.status/100 != 2 {
		return fmt.Errorf("send a span: got %d, wanted 200", got.status)
	}
	trace := "tr-" + id
	tagged, err := c.as(ctx, p.token, http.MethodPatch, api3+"traces/"+trace+"/tags", map[string]any{"key": "note", "value": p.marker})
	if err != nil {
		return err
	}
	if tagged.status/100 != 2 {
		return fmt.Errorf("set a tag on a trace: got %d, wanted 200", tagged.status)
	}
	p.values[kindTrace] = trace
	p.reads[kindTrace] = []attempt{{http.MethodGet, api3 + "traces/" + trace, nil}, {http.MethodGet, api3 + "traces/get?trace_id=" + trace, nil}}
	made, err := c.make(ctx, p, kindAssessment, api3+"traces/"+trace+"/assessments", map[string]any{"assessment": map[string]any{
		"assessment_name": "a", "trace_id": trace, "source": map[string]string{"source_type": "HUMAN", "source_id": "x"}, "feedback": map[string]any{"value": p.marker},
	}})
	if err != nil || made == nil {
		return err
	}
	p.values[kindAssessment] = at(made, "assessment", "assessment_id")
	p.reads[kindAssessment] = []attempt{{http.MethodGet, api3 + "traces/" + trace + "/assessments/" + p.values[kindAssessment], nil}}
	return nil
}

func (c *suite) plantDataset(ctx context.Context, p *planted) error {
	tags, err := json.Marshal(map[string]string{"note": p.marker})
	if err != nil {
		return err
	}
	made, err := c.make(ctx, p, kindDataset, api3+"datasets/create", map[string]any{"name": c.newName(), "experiment_ids": []string{p.experiment}, "tags": string(tags)})
	if err != nil || made == nil {
		return err
	}
	id := at(made, "dataset", "dataset_id")
	p.values[kindDataset] = id
	p.reads[kindDataset] = []attempt{{http.MethodGet, api3 + "datasets/" + id, nil}}
	records, err := json.Marshal([]any{map[string]any{"inputs": map[string]string{"q": p.marker}}})
	if err != nil {
		return err
	}
	if made, err = c.make(ctx, p, kindRecord, api3+"datasets/"+id+"/records", map[string]any{"records": string(records)}); err != nil || made == nil {
		return err
	}
	p.reads[kindDataset] = append(p.reads[kindDataset], attempt{http.MethodGet, api3 + "datasets/" + id + "/records", nil})
	return nil
}

// plantReviews creates a label schema, a review queue and an issue.
func (c *suite) plantReviews(ctx context.Context, p *planted) error {
	made, err := c.make(ctx, p, kindSchema, api3+"label-schemas/create", map[string]any{
		"experiment_id": p.experiment, "name": "labels", "type": "FEEDBACK", "instruction": p.marker, "input": map[string]any{"text": map[string]int{"max_length": 100}},
	})
	if err != nil {
		return err
	}
	if made != nil {
		id := at(made, "label_schema", "schema_id")
		p.values[kindSchema], p.values[kindSchemaName] = id, "labels"
		p.reads[kindSchema] = []attempt{{http.MethodGet, api3 + "label-schemas/get?schema_id=" + id, nil}}
	}
	queue, err := c.make(ctx, p, kindQueue, api3+"review-queues/create", map[string]any{"experiment_id": p.experiment, "name": p.marker, "queue_type": "CUSTOM"})
	if err != nil {
		return err
	}
	if queue != nil {
		id := at(queue, "review_queue", "queue_id")
		p.values[kindQueue] = id
		p.reads[kindQueue] = []attempt{{http.MethodGet, api3 + "review-queues/get?queue_id=" + id, nil}}
	}
	issue, err := c.make(ctx, p, kindIssue, api3+"issues", map[string]any{"experiment_id": p.experiment, "name": "i", "description": p.marker, "status": "pending"})
	if err != nil || issue == nil {
		return err
	}
	id := at(issue, "issue", "issue_id")
	p.values[kindIssue] = id
	p.reads[kindIssue] = []attempt{{http.MethodGet, api3 + "issues/" + id, nil}}
	return nil
}

func (c *suite) plantScorer(ctx context.Context, p *planted) error {
	serialized, err := json.Marshal(map[string]any{
		"name": "scorer", "description": p.marker, "aggregations": []string{}, "is_session_level_scorer": false, "mlflow_version": "3.0.0", "serialization_version": 1,
		"instructions_judge_pydantic_data": map[string]string{"instructions": "Is {{ outputs }} right? " + p.marker, "model": "openai:/x", "feedback_value_type": "bool"},
	})
	if err != nil {
		return err
	}
	made, err := c.make(ctx, p, kindScorer, api3+"scorers/register", map[string]any{"experiment_id": p.experiment, "name": "scorer", "serialized_scorer": string(serialized)})
	if err != nil || made == nil {
		return err
	}
	p.values[kindScorer] = "scorer"
	p.reads[kindScorer] = []attempt{{http.MethodGet, api3 + "scorers/get?name=scorer&experiment_id=" + p.experiment, nil}}
	return nil
}

func (c *suite) plantServer(ctx context.Context, p *planted) error {
	name := "com.example/" + c.newName()
	made, err := c.make(ctx, p, kindServer, api3+"mcp-servers", map[string]any{"name": name, "description": p.marker})
	if err != nil || made == nil {
		return err
	}
	p.values[kindServer] = name
	p.reads[kindServer] = []attempt{{http.MethodGet, api3 + "mcp-servers/" + url.PathEscape(name), nil}}
	return nil
}

// look reads kinds as the owner sees them; all if none is named.
func (c *suite) look(ctx context.Context, p *planted, of ...kind) (map[kind]string, error) {
	seen := map[kind]string{}
	for k, reads := range p.reads {
		if len(of) > 0 && !slices.Contains(of, k) {
			continue
		}
		for _, a := range reads {
			got, err := c.as(ctx, p.token, a.method, a.path, a.body)
			if err != nil {
				return nil, err
			}
			seen[k] += fmt.Sprintf("%d %s\n", got.status, sorted(got.body))
		}
	}
	return seen, nil
}
