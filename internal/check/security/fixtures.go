package security

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

const (
	api       = "/api/2.0/mlflow/"
	ajax      = "/ajax-api/2.0/mlflow/"
	artifacts = "/api/2.0/mlflow-artifacts/artifacts"
	noteName  = "note.txt"
)

// fixtures are a member's objects: an experiment with a run, whose file and tags contain the
// marker, and a registered model of it.
type fixtures struct {
	marker, experiment, experimentName, run, model string
}

// files is the path of the run's files below the artifact root.
func (t *fixtures) files() string { return t.experiment + "/" + t.run + "/artifacts" }

// newName returns a name for an object of this run, which the cleanup deletes by that name.
func (c *suite) newName() string {
	name := stamped()
	c.names = append(c.names, name)
	return name
}

// as requests MLflow with a token.
func (c *suite) as(ctx context.Context, token, method, path string, body any) (response, error) {
	return c.ask(ctx, request{method: method, url: c.stack.MLflow.URL + path, header: bearer(token), body: body})
}

// put uploads a file.
func (c *suite) put(ctx context.Context, token, path, content string) (response, error) {
	header := bearer(token)
	header.Set("Content-Type", "text/plain")
	return c.ask(ctx, request{method: http.MethodPut, url: c.stack.MLflow.URL + path, header: header, raw: []byte(content)})
}

// makeThings creates a member's objects through the API.
func (c *suite) makeThings(ctx context.Context, token string) (*fixtures, error) {
	t := &fixtures{marker: "marker-" + rand.Text(), experimentName: c.newName(), model: c.newName()}
	tags := []map[string]string{{"key": "note", "value": t.marker}}
	var experiment struct {
		ID string `json:"experiment_id"`
	}
	if err := c.made(ctx, token, "experiments/create", map[string]any{"name": t.experimentName, "tags": tags}, &experiment); err != nil {
		return nil, err
	}
	t.experiment = experiment.ID
	var run struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	if err := c.made(ctx, token, "runs/create", map[string]any{"experiment_id": t.experiment, "tags": tags}, &run); err != nil {
		return nil, err
	}
	t.run = run.Run.Info.ID
	got, err := c.put(ctx, token, artifacts+"/"+t.files()+"/"+noteName, t.marker)
	if err != nil {
		return nil, err
	}
	if got.status/100 != 2 {
		return nil, fmt.Errorf("send a file: got %d, wanted 200", got.status)
	}
	var anything struct{}
	if err := c.made(ctx, token, "registered-models/create", map[string]any{"name": t.model, "tags": tags}, &anything); err != nil {
		return nil, err
	}
	version := map[string]any{"name": t.model, "source": "mlflow-artifacts:/" + t.files(), "run_id": t.run, "tags": tags}
	return t, c.made(ctx, token, "model-versions/create", version, &anything)
}

// made creates one object and reads MLflow's description of it.
func (c *suite) made(ctx context.Context, token, path string, body, into any) error {
	got, err := c.as(ctx, token, http.MethodPost, api+path, body)
	if err == nil {
		err = got.into(into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// theirs returns the owner's and the thief's objects, created on first use.
func (c *suite) theirs(ctx context.Context) (owner, thief *fixtures, err error) {
	if c.ownerThings == nil {
		if c.ownerThings, err = c.makeThings(ctx, c.ownerToken); err != nil {
			return nil, nil, check.NotRun(fmt.Errorf("create the owner's objects: %w", err))
		}
	}
	if c.thiefThings == nil {
		if c.thiefThings, err = c.makeThings(ctx, c.thiefToken); err != nil {
			return nil, nil, check.NotRun(fmt.Errorf("create the attacker's objects: %w", err))
		}
	}
	return c.ownerThings, c.thiefThings, nil
}

// removeThings permanently deletes experiments, runs, files and models: those of this run, by
// their planned names, since an interrupt may leave some; and those of a killed run.
func (c *suite) removeThings(ctx context.Context) (int, error) {
	input, err := json.Marshal(map[string]any{"prefix": namePrefix, "names": c.names, "stale": int(staleAfter.Seconds())})
	if err != nil {
		return 0, err
	}
	var gone struct{ Gone int }
	if err := c.inMLflow(ctx, probe.FixtureRemoval, string(input), &gone); err != nil {
		return 0, fmt.Errorf("delete the objects of the run, inside %s: %w", c.stack.MLflow.Container, err)
	}
	return gone.Gone, nil
}
