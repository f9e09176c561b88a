package security

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// place is a field of a request. Path leads to it; Lists are the steps of Path that are lists of
// objects; Many reports that the field itself is a list.
type place struct {
	Path  []string `json:"path"`
	Type  string   `json:"type"`
	Many  bool     `json:"many"`
	Lists []int    `json:"lists"`
	// Query reports that the field is in the query although the method has a body.
	Query bool `json:"query"`
}

// endpoint is a route of the running application; parameters of its path are in braces.
type endpoint struct {
	Method string  `json:"method"`
	Path   string  `json:"path"`
	Fields []place `json:"fields"`
}

func (e endpoint) String() string { return e.Method + " " + e.Path }

// graphField is a field of GraphQL's query or mutation.
type graphField struct {
	Operation string            `json:"operation"`
	Name      string            `json:"name"`
	Selection string            `json:"selection"`
	Arguments map[string]string `json:"arguments"`
	Fields    []place           `json:"fields"`
}

// catalogue is all routes and fields of the application.
type catalogue struct {
	Routes  []endpoint   `json:"routes"`
	GraphQL []graphField `json:"graphql"`
}

// paths returns method and path of every route, with a name that does not exist for each
// parameter.
func (all catalogue) paths() [][2]string {
	made := make([][2]string, 0, len(all.Routes))
	for _, e := range all.Routes {
		made = append(made, [2]string{e.Method, parameter.ReplaceAllString(e.Path, nothingHasIt)})
	}
	return made
}

// catalogueTime limits the scan.
const catalogueTime = 4 * time.Minute

const nothingHasIt = "mlflow-sso-attack-nothing"

// beginCatalogue starts the scan of the application while other attacks run: importing MLflow a
// second time takes long.
func (c *suite) beginCatalogue(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), catalogueTime)
	asked := &catalogueSearch{done: make(chan struct{}), stop: stop}
	go func() {
		defer close(asked.done)
		defer stop()
		asked.all, asked.err = c.askCatalogue(ctx)
	}()
	c.asked = asked
}

// catalogueSearch is a scan in progress; the fields are set once it is done.
type catalogueSearch struct {
	all  catalogue
	err  error
	done chan struct{}
	stop context.CancelFunc
}

// end stops a scan and waits for its end.
func (s *catalogueSearch) end() {
	if s != nil {
		s.stop()
		<-s.done
	}
}

// readCatalogue waits for the scan.
func (c *suite) readCatalogue(ctx context.Context) (catalogue, error) {
	select {
	case <-c.asked.done:
		return c.asked.all, c.asked.err
	case <-ctx.Done():
		return catalogue{}, ctx.Err()
	}
}

// askCatalogue scans once. A list that is too short proves nothing.
func (c *suite) askCatalogue(ctx context.Context) (catalogue, error) {
	var all catalogue
	if err := c.inMLflow(ctx, probe.RequestFields, "", &all); err != nil {
		return all, fmt.Errorf("list the places for IDs inside %s: %w", c.stack.MLflow.Container, err)
	}
	const least = 500
	withFields := 0
	for _, e := range all.Routes {
		if len(e.Fields) > 0 {
			withFields++
		}
	}
	if len(all.Routes) < least || withFields < least/2 || len(all.GraphQL) == 0 {
		return all, fmt.Errorf("the application lists %d routes, %d with fields, and %d fields of GraphQL; wanted at least %d, %d and 1",
			len(all.Routes), withFields, len(all.GraphQL), least, least/2)
	}
	if !slices.Contains(all.paths(), [2]string{http.MethodPost, searchPath}) {
		return all, fmt.Errorf("the application does not list %s, which answers", searchPath)
	}
	return all, nil
}

var (
	upper     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	parameter = regexp.MustCompile(`\{([^}]+)\}`)
	// anyID matches names that look like an ID's.
	anyID = regexp.MustCompile(`(^|_)(id|ids|uuid|uuids)$`)
)

// snake returns the name in protobuf's spelling.
func snake(name string) string {
	return strings.ToLower(strings.ReplaceAll(upper.ReplaceAllString(name, "${1}_${2}"), "-", "_"))
}

// camel returns the name in JSON's spelling.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts[1:] {
		if part != "" {
			parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "")
}

// kind is the kind of an object; see where they are planted.
type kind string

const (
	kindExperiment     kind = "experiment"
	kindExperimentName kind = "experiment's name"
	kindRun            kind = "run"
	kindTrace          kind = "trace"
	kindLoggedModel    kind = "logged model"
	kindModel          kind = "registered model"
	kindPrompt         kind = "prompt"
	kindDataset        kind = "dataset"
	kindRecord         kind = "dataset record"
	kindAssessment     kind = "assessment"
	kindScorer         kind = "scorer"
	kindIssue          kind = "issue"
	kindSchema         kind = "label schema"
	kindSchemaName     kind = "label schema's name"
	kindQueue          kind = "review queue"
	kindQueueName      kind = "review queue's name"
	kindServer         kind = "MCP server"
	kindPerson         kind = "person"
	kindFile           kind = "file"
	kindLocation       kind = "location"
	// kindUnknown is an ID whose name does not reveal its kind.
	kindUnknown kind = "unknown"
)

// kinds maps field names, in snake case and singular, to kinds.
var kinds = map[string]kind{
	"experiment_id": kindExperiment, "x_mlflow_experiment_id": kindExperiment, "experiment_name": kindExperimentName,
	"run_id": kindRun, "run_uuid": kindRun, "source_run_id": kindRun, "x_mlflow_run_id": kindRun,
	"trace_id": kindTrace, "request_id": kindTrace, "item_id": kindTrace,
	"model_id": kindLoggedModel, "prompt_name": kindPrompt, "dataset_id": kindDataset, "dataset_record_id": kindRecord,
	"assessment_id": kindAssessment, "scorer_name": kindScorer, "issue_id": kindIssue, "schema_id": kindSchema, "queue_id": kindQueue,
	"username": kindPerson, "artifact_path": kindFile, "path": kindFile, "source": kindLocation, "artifact_location": kindLocation,
	"source_prompt_uri": kindLocation,
}

// kindOf returns the kind of object that a field names; empty for none.
func kindOf(path string, steps []string) kind {
	name := snake(steps[len(steps)-1])
	one := strings.TrimSuffix(name, "s")
	for _, spelled := range []string{name, one} {
		if k, ok := kinds[spelled]; ok {
			return k
		}
	}
	if name == "name" {
		if slices.Contains(steps, "prompt_versions") {
			return kindPrompt
		}
		if len(steps) == 1 && !strings.HasSuffix(path, "/create") {
			return kindOfName(path)
		}
		return ""
	}
	if anyID.MatchString(name) && name != "user_id" && name != "provider_id" {
		return kindUnknown
	}
	return ""
}

// kindOfName returns the kind for a name on its route.
func kindOfName(path string) kind {
	for _, of := range []struct {
		part string
		kind kind
	}{
		{"/scorers", kindScorer},
		{"/label-schemas", kindSchemaName},
		{"/review-queues", kindQueueName},
		{"/mcp-servers", kindServer},
		{"/prompts", kindPrompt},
		{"model", kindModel},
	} {
		if strings.Contains(path, of.part) {
			return of.kind
		}
	}
	return ""
}
