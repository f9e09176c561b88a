package runlog

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// file is the name of each run's file.
const file = "note.txt"

// Found is the stored state of a run.
type Found struct {
	ID, Name string
	// Status is MLflow's, such as FINISHED.
	Status string
	// Logged are the numbers of its params, metrics and tags.
	Logged [3]int
	// Content is the content of its file; File reports whether it exists.
	Content string
	File    bool
}

var whole = [3]int{params, metrics, tags}

// Ended reports whether the run has ended in MLflow.
func (f Found) Ended() bool { return f.Status == "FINISHED" }

// FullyLogged reports whether everything of the one request is stored.
func (f Found) FullyLogged() bool { return f.Logged == whole }

// PartlyLogged reports whether only a part of the one request is stored.
func (f Found) PartlyLogged() bool { return !f.FullyLogged() && f.Logged != [3]int{} }

// Half reports whether an ended run lacks anything.
func (f Found) Half() bool { return f.Ended() && (!f.FullyLogged() || !f.File || f.Content == "") }

// String describes it for an error.
func (f Found) String() string {
	return fmt.Sprintf("%s, of %v params, metrics and tags %v, a file %t with %d bytes", f.Status, whole, f.Logged, f.File, len(f.Content))
}

// Look returns all runs of an experiment, by their name.
func Look(ctx context.Context, docker *engine.Engine, stack outputs.Stack, experiment string) (map[string]Found, error) {
	// The content of each file after its path, one line each.
	listing, err := inside(ctx, docker, stack.MLflow.Container, "sh", "-c",
		`cd /mlflow/artifacts/"$0" 2>/dev/null || exit 0; grep -r "" . || [ $? = 1 ] || exit 1; find . -type f -empty -printf '%p:\n'`, experiment)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for line := range strings.Lines(listing) {
		path, content, _ := strings.Cut(strings.TrimSpace(line), ":")
		if parts := strings.Split(path, "/"); len(parts) == 4 && parts[3] == file {
			files[parts[1]] = content
		}
	}
	rows, err := inside(ctx, docker, stack.Postgres.Container, "psql", "--no-psqlrc", "--host=/tmp/postgresql", "--username=postgres", "--dbname=mlflow",
		"--no-align", "--tuples-only", "--command=SELECT r.run_uuid, r.name, r.status, (SELECT count(*) FROM params p WHERE p.run_uuid = r.run_uuid),"+
			" (SELECT count(*) FROM metrics m WHERE m.run_uuid = r.run_uuid), (SELECT count(*) FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key LIKE 'written%')"+
			" FROM runs r WHERE r.experiment_id = "+experiment)
	if err != nil {
		return nil, err
	}
	all := map[string]Found{}
	for line := range strings.Lines(rows) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if len(fields) != 6 {
			return nil, fmt.Errorf("a row of a run: got %d fields, want 6", len(fields))
		}
		f := Found{ID: fields[0], Name: fields[1], Status: fields[2]}
		for i, field := range fields[3:] {
			if _, err := fmt.Sscan(field, &f.Logged[i]); err != nil {
				return nil, fmt.Errorf("a row of a run: %w", err)
			}
		}
		f.Content, f.File = files[f.ID], false
		if _, ok := files[f.ID]; ok {
			f.File = true
		}
		if _, ok := all[f.Name]; ok {
			return nil, fmt.Errorf("two runs are called %s: one request made two", f.Name)
		}
		all[f.Name] = f
	}
	return all, nil
}

func inside(ctx context.Context, docker *engine.Engine, container string, command ...string) (string, error) {
	got, err := docker.Exec(ctx, container, command)
	if err == nil {
		err = got.Err()
	}
	if err != nil {
		return "", fmt.Errorf("look for runs in %s: %w", container, err)
	}
	return got.Stdout, nil
}
