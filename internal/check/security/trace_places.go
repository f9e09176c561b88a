package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

func (c *suite) tracePlaces() []attack {
	const next = "check images/mlflow/python about the tags of traces that say where data is"
	return []attack{
		{
			name: "trace-location", tries: "a member uses a tag, a span's attribute and the start of a trace to set the location of their own trace's data to another member's data, /etc or another host, and reads it",
			control: "another tag is stored in each of the three ways", defence: "only the server sets the tags for locations", needs: []check.ID{"cross-user-read"}, next: next,
			within: 3 * time.Minute, run: c.traceLocation,
		},
		{
			name: "stolen-token", tries: "MLflow's own client reads a trace whose tags point to a listener, with a personal token in its environment",
			control: "the listener receives a request that is sent to it, and the client finds the trace", defence: "only the server sets the tags for locations", needs: []check.ID{"cross-user-read"}, next: next,
			within: 4 * time.Minute, run: c.stolenToken,
		},
	}
}

// locationTags contain the location of a trace's data in MLflow 3.17.
var locationTags = []string{"mlflow.artifactLocation", "mlflow.trace.spansLocation", "mlflow.trace.archiveLocation"}

// placed creates a member's trace with tags in which the location was written in one way.
type placed func(ctx context.Context, token, experiment string, tags map[string]string) (trace string, status int, err error)

// placements are the three ways.
func (c *suite) placements() map[string]placed {
	start := func(ctx context.Context, token, experiment string, tags map[string]string) (string, int, error) {
		trace := "tr-" + newTraceID()
		got, err := c.as(ctx, token, http.MethodPost, api3+"traces", map[string]any{"trace": map[string]any{"trace_info": map[string]any{
			"trace_id": trace, "trace_location": map[string]any{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": map[string]string{"experiment_id": experiment}},
			"request_time": time.Now().UTC().Format(time.RFC3339), "state": "OK", "tags": tags, "trace_metadata": map[string]string{"mlflow.trace_schema.version": "3"},
		}}})
		return trace, got.status, err
	}
	span := func(ctx context.Context, token, experiment string, tags map[string]string) (string, int, error) {
		attributes := map[string]string{}
		for name, value := range tags {
			attributes["mlflow.traceTag."+name] = value
		}
		id := newTraceID()
		got, err := c.sendSpan(ctx, token, experiment, spanOf(id, "placed", attributes))
		return "tr-" + id, got.status, err
	}
	patch := func(ctx context.Context, token, experiment string, tags map[string]string) (string, int, error) {
		trace, status, err := span(ctx, token, experiment, nil)
		if err != nil || status != http.StatusOK {
			return trace, status, err
		}
		for name, value := range tags {
			for _, base := range []string{api3, api} {
				got, err := c.as(ctx, token, http.MethodPatch, base+"traces/"+trace+"/tags", map[string]any{"key": name, "value": value})
				if err != nil {
					return trace, 0, err
				}
				status = got.status
			}
		}
		return trace, status, nil
	}
	return map[string]placed{"the start of a trace": start, "a span's attributes": span, "a change of tags": patch}
}

func (c *suite) traceLocation(ctx context.Context) (string, error) {
	owner, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	theirs, err := c.ownTrace(ctx, c.ownerToken, owner)
	if err != nil {
		return "", err
	}
	tried := 0
	for how, place := range c.placements() {
		trace, _, err := place(ctx, c.thiefToken, own.experiment, map[string]string{"proper": "kept-as-it-is"})
		if err != nil {
			return "", err
		}
		info := func(trace string) (string, error) {
			got, err := c.as(ctx, c.thiefToken, http.MethodGet, api3+"traces/"+trace, nil)
			return got.body, err
		}
		seen, err := info(trace)
		if err != nil {
			return "", err
		}
		if !strings.Contains(seen, "kept-as-it-is") {
			return "", check.NotRun(fmt.Errorf("a tag by %s is not kept", how))
		}
		for _, location := range []string{
			"mlflow-artifacts:/" + owner.experiment + "/traces/tr-" + theirs + "/artifacts", "/mlflow/artifacts/" + owner.files(), "file:///etc",
			"mlflow-artifacts://" + evil + "/x", "http://" + evil + "/api/2.0/mlflow-artifacts/artifacts/x",
		} {
			tags := map[string]string{}
			for _, name := range locationTags {
				tags[name] = location
			}
			tags["mlflow.trace.spansLocation"] = "ARTIFACT_REPO"
			trace, status, err := place(ctx, c.thiefToken, own.experiment, tags)
			if err != nil {
				return "", err
			}
			tried++
			if seen, err = info(trace); err != nil {
				return "", err
			}
			if strings.Contains(seen, location) {
				return "", check.Mismatch(fmt.Sprintf("the place %s in the tags of a member's trace, by %s, with %d", location, how, status), "a refusal, or the server's own place")
			}
			for _, base := range []string{ajax, "/ajax-api/3.0/mlflow/"} {
				got, err := c.as(ctx, c.thiefToken, http.MethodGet, base+"get-trace-artifact?request_id="+trace, nil)
				if err != nil {
					return "", err
				}
				if stolen(got, owner.marker) {
					return "", check.Mismatch("another member's data as that of the own trace, by "+how, "a refusal")
				}
			}
		}
	}
	return fmt.Sprintf("%d places that a member writes on a trace are not kept", tried), nil
}

func (c *suite) stolenToken(ctx context.Context) (string, error) {
	_, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	// The port on which the probe listens, inside MLflow's container.
	const listener = "127.0.0.1:7777"
	traces := []string{}
	for how, place := range c.placements() {
		for _, location := range []string{"http://" + listener + "/api/2.0/mlflow-artifacts/artifacts/x", "mlflow-artifacts://" + listener + "/x"} {
			tags := map[string]string{"mlflow.trace.spansLocation": "ARTIFACT_REPO"}
			for _, name := range locationTags {
				if tags[name] == "" {
					tags[name] = location
				}
			}
			trace, _, err := place(ctx, c.thiefToken, own.experiment, tags)
			if err != nil {
				return "", fmt.Errorf("write the place by %s: %w", how, err)
			}
			traces = append(traces, trace)
		}
	}
	input, err := json.Marshal(map[string]any{"token": c.thiefToken, "experiment": own.experiment, "traces": traces, "port": 7777})
	if err != nil {
		return "", err
	}
	var got struct {
		Heard, Found, Stolen int
		Error                string
	}
	if err := c.inMLflow(ctx, probe.StolenToken, string(input), &got); err != nil {
		return "", check.NotRun(err)
	}
	switch {
	case got.Stolen > 0:
		return "", check.Mismatch(fmt.Sprintf("the reader's token at a host of the attacker's, %d times", got.Stolen), "no request there")
	case got.Heard == 0:
		return "", check.NotRun(errors.New("the listener did not hear the request that was sent to it"))
	case got.Found == 0:
		return "", check.NotRun(fmt.Errorf("the client found no trace: %s", got.Error))
	}
	return fmt.Sprintf("the client found %d traces and sent the token nowhere else", got.Found), nil
}
