package security

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// two returns objects of two members, of the same kinds.
func two() composer {
	own, foreign := belongings{}, belongings{}
	for _, k := range []kind{kindExperiment, kindRun, kindTrace, kindModel, kindPrompt, kindLoggedModel, kindFile, kindLocation} {
		own[k], foreign[k] = "own-"+strings.ReplaceAll(string(k), " ", "-"), "foreign-"+strings.ReplaceAll(string(k), " ", "-")
	}
	return composer{own: own, foreign: foreign, group: "members", name: "made"}
}

func sent(t *testing.T, all []trial) []string {
	t.Helper()
	lines := make([]string, 0, len(all))
	for _, one := range all {
		body, err := json.Marshal(one.body)
		require.NoError(t, err)
		lines = append(lines, one.method+" "+one.path+"?"+one.query+" "+string(body))
	}
	return lines
}

func TestAListGetsOwnAndForeignIDsInBothOrders(t *testing.T) {
	search := endpoint{Method: http.MethodPost, Path: "/api/2.0/mlflow/runs/search", Fields: []place{{Path: []string{"experiment_ids"}, Type: "string", Many: true}}}

	lines := sent(t, two().trials(search, false))

	require.Contains(t, lines, `POST /api/2.0/mlflow/runs/search? {"experiment_ids":["foreign-experiment"]}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/runs/search? {"experiment_ids":["own-experiment","foreign-experiment"]}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/runs/search? {"experiment_ids":["foreign-experiment","own-experiment"]}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/runs/search? {"experimentIds":["own-experiment","foreign-experiment"]}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/runs/search?experiment_ids=foreign-experiment {"experiment_ids":["own-experiment"]}`)
}

func TestEachPlaceNamesTheOtherMembersObjectOnceNextToOwnOnes(t *testing.T) {
	link := endpoint{Method: http.MethodPost, Path: "/api/2.0/mlflow/experiments/{experiment_id}/link", Fields: []place{
		{Path: []string{"run_id"}, Type: "string"}, {Path: []string{"trace", "info", "trace_id"}, Type: "string", Lists: []int{1}},
	}}

	lines := sent(t, two().trials(link, false))

	require.Contains(t, lines, `POST /api/2.0/mlflow/experiments/foreign-experiment/link? {"run_id":"own-run","trace":{"info":[{"trace_id":"own-trace"}]}}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/experiments/own-experiment/link? {"run_id":"foreign-run","trace":{"info":[{"trace_id":"own-trace"}]}}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/experiments/own-experiment/link? {"run_id":"own-run","trace":{"info":[{"trace_id":"foreign-trace"}]}}`)
	require.Contains(t, lines, `POST /api/2.0/mlflow/experiments/foreign-experiment/link? {"runId":"foreign-run","trace":{"info":[{"traceId":"foreign-trace"}]}}`)
}

// A new MLflow version may introduce unknown IDs.
func TestAnUnknownIDGetsAForeignThingOfEachKind(t *testing.T) {
	route := endpoint{Method: http.MethodGet, Path: "/api/4.0/mlflow/new/get", Fields: []place{{Path: []string{"thing_id"}, Type: "string"}}}

	lines := sent(t, two().trials(route, false))

	for _, id := range []string{"foreign-experiment", "foreign-run", "foreign-trace", "foreign-logged-model"} {
		require.Contains(t, lines, "GET /api/4.0/mlflow/new/get?thing_id="+id+" null")
	}
}

func TestARouteThatDescribesNothingIsTriedWithTheUsualNames(t *testing.T) {
	all := two().trials(endpoint{Method: http.MethodGet, Path: "/get-artifact"}, false)

	require.NotEmpty(t, all)
	require.Contains(t, all[0].query, "run_id=foreign-run")
	require.Contains(t, all[0].query, "path="+noteName, "a file of a run is named below the run")
}

func TestGraphQLPassesForeignIDsAsVariablesOfTheSchemasTypes(t *testing.T) {
	field := graphField{
		Operation: "query", Name: "mlflowSearchRuns", Selection: "{runs{info{runId}}}", Arguments: map[string]string{"input": "MlflowSearchRunsInput"},
		Fields: []place{{Path: []string{"input", "experimentIds"}, Type: "string", Many: true}},
	}

	lines := sent(t, two().graphTrials(field))

	require.Contains(t, lines, `POST /graphql? {"operationName":"A","query":"query A($input: MlflowSearchRunsInput){mlflowSearchRuns(input: $input){runs{info{runId}}}}","variables":{"input":{"experimentIds":["own-experiment","foreign-experiment"]}}}`)
	require.Len(t, lines, 3)
}

func TestReadingComesBeforeWritingAndDeletingLast(t *testing.T) {
	for path, want := range map[string]phase{
		"POST /api/2.0/mlflow/runs/search": reading, "GET /api/2.0/mlflow/runs/get": reading, "POST /api/2.0/mlflow/runs/set-tag": writing,
		"POST /api/2.0/mlflow/runs/delete": deleting, "DELETE /api/2.0/mlflow/users": deleting, "POST /oidc/trash/cleanup": deleting, "POST /v1/traces": writing,
	} {
		method, route, _ := strings.Cut(path, " ")
		require.Equal(t, want, phaseOf(method, route), path)
	}
}

// A server's catalogue fits into the budget; otherwise the test would prove nothing about it.
func TestARouteWithManyPlacesStaysSmall(t *testing.T) {
	e := endpoint{Method: http.MethodPost, Path: "/x"}
	for _, name := range []string{"experiment_id", "run_id", "trace_ids", "model_id", "artifact_path", "source", "request_id"} {
		e.Fields = append(e.Fields, place{Path: []string{name}, Type: "string", Many: strings.HasSuffix(name, "ids")})
	}
	require.LessOrEqual(t, len(two().trials(e, false)), 20)
	require.LessOrEqual(t, len(two().trials(e, true)), 3, "a twin of another prefix is answered by the same function")
}

func TestAFindingNamesItsRouteOnce(t *testing.T) {
	text := listed([]sweepFinding{{"a marker", "GET /x", "one"}, {"a marker", "GET /x", "two"}, {"a change", "GET /x", "three"}})
	require.Equal(t, "a marker, by GET /x (one); a change, by GET /x (three)", text)
}

func TestMarkersMustBeSeenByTheirOwnerInEveryKind(t *testing.T) {
	p := &planted{fixtures: &fixtures{marker: "marker-X"}, number: "77123456789", values: belongings{}}
	seen := map[kind]string{}
	for _, k := range []kind{kindExperiment, kindRun, kindFile, kindModel, kindPrompt, kindTrace, kindLoggedModel} {
		p.values[k], seen[k] = "id", "200 marker-X"
	}
	require.NoError(t, showsMarkers(p, seen))
	seen[kindTrace] = "403 nothing"
	require.ErrorContains(t, showsMarkers(p, seen), "trace")
	seen[kindTrace] = "200 77123456789"
	require.NoError(t, showsMarkers(p, seen), "where only numbers are, the number is the marker")
	delete(seen, kindRun)
	require.ErrorContains(t, showsMarkers(p, seen), "there is no run")
}

func TestADifferentOrderOfTagsIsNotAChangeButADifferentValueIs(t *testing.T) {
	require.Equal(t, sorted(`{"tags":[{"key":"a"},{"key":"b"}],"x":{"p":1,"q":77123456789012345}}`), sorted(`{"x":{"q":77123456789012345,"p":1},"tags":[{"key":"b"},{"key":"a"}]}`))
	require.NotEqual(t, sorted(`{"tags":[{"key":"a"}]}`), sorted(`{"tags":[{"key":"b"}]}`))
	require.Equal(t, "no JSON", sorted("no JSON"))
}
