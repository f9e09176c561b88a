// Package runlog logs runs like training jobs, records what was acknowledged, and checks the
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

// The data of each run that one request logs.
const (
	params  = 10
	metrics = 20
	tags    = 3
)

// The requests that create a run, in order.
const (
	created = iota + 1
	logged
	filed
	ended
)

// Run is a writer's record of one run.
type Run struct {
	// Name is the writer's own, unique in the experiment.
	Name string
	// ID is MLflow's; empty if the first request failed or got no response.
	ID string
	// Done is the number of acknowledged requests. Err is the error of the next one, if it
	// failed.
	Done int
	Err  error
}

// Whole reports whether every request was acknowledged.
func (r Run) Whole() bool { return r.Done == ended }

// content is the content of the run's file.
func (r Run) content() string { return "artifact of " + r.Name }

// Experiment creates one, which belongs to the token's user.
func Experiment(ctx context.Context, client *loadgen.Client, name string) (string, error) {
	var made struct {
		ID string `json:"experiment_id"`
	}
	err := ask(ctx, client, "experiments/create", map[string]any{"name": name}, &made)
	return made.ID, err
}

// Write writes one run like a training job: creates it, logs a batch, uploads a file, ends it. It
// stops at the first request that is not acknowledged. After each, it calls observe with its
// start and result; nil is allowed.
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

// Begin creates a run without logged data, and returns MLflow's ID of it. Its time is in
// milliseconds since 1970.
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

// LogBatch logs all of a run's params, metrics and tags in one request. Repeating it is not an error.
func LogBatch(ctx context.Context, client *loadgen.Client, id, name string, now int64) error {
	return ask(ctx, client, "runs/log-batch", batch(id, name, now), nil)
}

// batch is what one request logs to a run.
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
