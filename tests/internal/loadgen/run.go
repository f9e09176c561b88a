package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const api = "/api/2.0/mlflow"

// Run is a run in an experiment of its own.
type Run struct {
	client         *Client
	ID, Experiment string

	step int
}

// NewRun creates an experiment and a run in it. The experiment belongs to the token's user.
func (c *Client) NewRun(ctx context.Context, experiment string) (*Run, error) {
	r := &Run{client: c}
	var made struct {
		ID string `json:"experiment_id"`
	}
	if err := c.Post(ctx, api+"/experiments/create", map[string]any{"name": experiment}, &made); err != nil {
		return nil, err
	}
	r.Experiment = made.ID
	var answer struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	body := map[string]any{"experiment_id": made.ID, "start_time": time.Now().UnixMilli()}
	if err := c.Post(ctx, api+"/runs/create", body, &answer); err != nil {
		return nil, err
	}
	r.ID = answer.Run.Info.ID
	return r, nil
}

// Delete marks the experiment as deleted, like a user.
func (r *Run) Delete(ctx context.Context) error {
	return r.client.Post(ctx, api+"/experiments/delete", map[string]any{"experiment_id": r.Experiment}, nil)
}

// LogBatch sends ten metrics of the next step, like a training job. It is not safe for concurrent
// use: a run belongs to one script.
func (r *Run) LogBatch(ctx context.Context) error {
	r.step++
	type metric struct {
		Key       string  `json:"key"`
		Value     float64 `json:"value"`
		Timestamp int64   `json:"timestamp"`
		Step      int     `json:"step"`
	}
	metrics := make([]metric, 10)
	for i := range metrics {
		metrics[i] = metric{"metric-" + strconv.Itoa(i), float64(r.step) / 7, time.Now().UnixMilli(), r.step}
	}
	body, err := json.Marshal(map[string]any{"run_id": r.ID, "metrics": metrics})
	if err != nil {
		return err
	}
	return r.client.Do(ctx, http.MethodPost, api+"/runs/log-batch", body, nil)
}

// ArtifactPath is the path of a file of the run.
func (r *Run) ArtifactPath(name string) string {
	return fmt.Sprintf("/api/2.0/mlflow-artifacts/artifacts/%s/%s/artifacts/%s", r.Experiment, r.ID, name)
}
