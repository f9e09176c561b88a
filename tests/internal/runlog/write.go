// Package runlog logs runs like trainings, records what was acknowledged, and checks the
// database and files afterwards.
package runlog

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/loadgen"
)

// What each run has that is logged in one request.
const (
	params  = 10
	metrics = 20
	tags    = 3
)

// The requests that make a run, in their order.
const (
	created = iota + 1
	logged
	filed
	ended
)

// Run is what a writer knows of one run.
type Run struct {
	// Name is the writer's own, and no other run's of the experiment.
	Name string
	// ID is MLflow's; empty where the answer to the first request was none, or an error.
	ID string
	// Done is how many of the requests were acknowledged. Err is how the one after these
	// ended, where it was not.
	Done int
	Err  error
}

// Whole says whether every request was acknowledged.
func (r Run) Whole() bool { return r.Done == ended }

// content is what the run's file holds.
func (r Run) content() string { return "artifact of " + r.Name }

// Experiment makes one, which belongs to whom the client's token is for.
func Experiment(ctx context.Context, client *loadgen.Client, name string) (string, error) {
	var made struct {
		ID string `json:"experiment_id"`
	}
	err := ask(ctx, client, "experiments/create", map[string]any{"name": name}, &made)
	return made.ID, err
}

// Write makes one run as a training does: it is created, logged a batch, given a file,
// ended. The first request that is not acknowledged ends it. After each, observe
// learns when it began and how it ended; nil is allowed.
func Write(ctx context.Context, client *loadgen.Client, experiment, name string, observe func(began time.Time, err error)) Run {
	run := Run{Name: name}
	now := time.Now().UnixMilli()
	requests := []func() error{
		func() (err error) {
			run.ID, err = Begin(ctx, client, experiment, name, now)
			return err
		},
		func() error { return LogBatch(ctx, client, run.ID, name, now) },
		func() error {
			path := fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/%s", experiment, run.ID, file)
			return client.Do(ctx, http.MethodPut, path, []byte(run.content()), nil)
		},
		func() error {
			return ask(ctx, client, "runs/update", map[string]any{"run_id": run.ID, "status": "FINISHED", "end_time": now}, nil)
		},
	}
	for _, request := range requests {
		began := time.Now()
		err := request()
		if observe != nil {
			observe(began, err)
		}
		if err != nil {
			run.Err = err
			return run
		}
		run.Done++
	}
	return run
}

// Begin makes a run without any logged data, and gives MLflow's name for it. Its
// time is in milliseconds since 1970.
func Begin(ctx context.Context, client *loadgen.Client, experiment, name string, now int64) (string, error) {
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err := ask(ctx, client, "runs/create", map[string]any{"experiment_id": experiment, "start_time": now, "run_name": name}, &made)
	return made.Run.Info.ID, err
}

// LogBatch logs all of a run's params, metrics and tags in one request. Logging the same again is no error.
func LogBatch(ctx context.Context, client *loadgen.Client, id, name string, now int64) error {
	return ask(ctx, client, "runs/log-batch", batch(id, name, now), nil)
}

// batch is what is logged to a run in one request.
func batch(id, name string, now int64) map[string]any {
	var p, m, t []map[string]any
	for i := range params {
		p = append(p, map[string]any{"key": fmt.Sprintf("p%d", i), "value": name})
	}
	for i := range metrics {
		m = append(m, map[string]any{"key": "loss", "value": float64(i), "timestamp": now, "step": i})
	}
	for i := range tags {
		t = append(t, map[string]any{"key": fmt.Sprintf("written%d", i), "value": name})
	}
	return map[string]any{"run_id": id, "params": p, "metrics": m, "tags": t}
}

func ask(ctx context.Context, client *loadgen.Client, call string, body map[string]any, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return client.Do(ctx, http.MethodPost, "/api/2.0/mlflow/"+call, encoded, into)
}
