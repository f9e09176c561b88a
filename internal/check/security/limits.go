package security

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// limits are attacks with expensive requests.
func (c *suite) limits() []attack {
	const next = "check the bounds in images/mlflow/python, and what `doctor` says about memory"
	return []attack{
		{
			name: "heavy-search", tries: fmt.Sprintf("a member searches with %d conditions, and sorts by as many keys", manyConditions),
			control: "the same search with three conditions gets 200, before and after", defence: "a bound on conditions and keys; a statement that needs too much memory fails alone",
			next: next, run: c.heavySearch,
		},
		{
			name: "large-json", tries: "a member sends 10 MB of nested lists to a route that refuses them, where they cost 27 times as much memory",
			control: "a small body to the same route gets 200", defence: "a bound on bodies before they are parsed", next: next, run: c.largeJSON,
		},
		{
			name: "compressed-spans", tries: "a member sends 60 kB to `/v1/traces` that become a span of 40 MB",
			control: "a small compressed span is accepted", defence: "a bound on the size of an uncompressed body", next: next, run: c.compressedSpans,
		},
		{
			name: "chunked-upload", tries: "a member sends files and a search in chunks, without a length",
			control: "the same file with a length is read back", defence: "chunked bodies are read whole and checked like others", needs: []check.ID{"cross-user-read"}, next: next, run: c.chunkedUpload,
		},
		{
			name: "spooled-body", tries: "an anonymous client sends a long body to public routes and never finishes",
			control: "the same search finds a member's upload on the disk", defence: "no body of an anonymous client is stored", next: next, run: c.spooledBody,
		},
	}
}

const manyConditions = 100

// conditions returns a filter with that many conditions.
func conditions(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("params.p%d = 'x'", i)
	}
	return strings.Join(all, " and ")
}

func (c *suite) heavySearch(ctx context.Context) (string, error) {
	_, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	search := func(filter string, keys int) (response, error) {
		sort := make([]string, keys)
		for i := range sort {
			sort[i] = fmt.Sprintf("params.k%d ASC", i)
		}
		return c.as(ctx, c.thiefToken, http.MethodPost, api+"runs/search", map[string]any{"experiment_ids": []string{own.experiment}, "filter": filter, "order_by": sort})
	}
	small := func() error {
		got, err := search(conditions(3), 1)
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("%d for a search with three conditions", got.status)
		}
		return check.NotRun(err)
	}
	if err := small(); err != nil {
		return "", err
	}
	for _, heavy := range []struct{ conditions, keys int }{{manyConditions, 0}, {0, manyConditions}} {
		got, err := search(conditions(heavy.conditions), heavy.keys)
		if err != nil {
			return "", check.Mismatch("no answer to a search with many conditions: "+err.Error(), "400")
		}
		if got.status < 400 || got.status >= 500 {
			return "", check.Mismatch(fmt.Sprintf("%d for a search with %d conditions and %d sort keys", got.status, heavy.conditions, heavy.keys), "400 with the limit")
		}
	}
	if name := c.stack.Postgres.Container; name != "" {
		log, err := c.logSince(ctx, name, began)
		if err != nil {
			return "", check.NotRun(err)
		}
		if strings.Contains(log, "terminating any other active server processes") {
			return "", check.Mismatch("Postgres ended the connections of all clients", "a query that fails alone")
		}
	}
	return fmt.Sprintf("%d conditions, and %d sort keys, are refused", manyConditions, manyConditions), small()
}

// logSince returns a container's log since a time.
func (c *suite) logSince(ctx context.Context, name string, since time.Time) (string, error) {
	stream, err := c.docker.API().ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Since: fmt.Sprint(since.Unix())})
	if err != nil {
		return "", fmt.Errorf("read the log of %s: %w", name, err)
	}
	defer func() { _ = stream.Close() }()
	var text bytes.Buffer
	_, err = stdcopy.StdCopy(&text, &text, stream)
	return text.String(), err
}

// expectAlive requires that no server process has ended since a time.
func (c *suite) expectAlive(ctx context.Context, since time.Time) error {
	log, err := c.logSince(ctx, c.stack.MLflow.Container, since)
	if err != nil {
		return check.NotRun(err)
	}
	if strings.Contains(log, "] died") {
		return check.Mismatch("a process of the server ended", "a refusal")
	}
	return nil
}

func (c *suite) largeJSON(ctx context.Context) (string, error) {
	_, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	route := api + "experiments/set-experiment-tag"
	proper, err := c.as(ctx, c.thiefToken, http.MethodPost, route, map[string]any{"experiment_id": own.experiment, "key": "k", "value": "v"})
	if err != nil {
		return "", err
	}
	if proper.status != http.StatusOK {
		return "", check.NotRun(fmt.Errorf("%d for a tag of the member's own", proper.status))
	}
	body := []byte(`{"experiment_id":"` + own.experiment + `","x":[` + strings.Repeat("[],", 10<<20/3) + `[]]}`)
	header := bearer(c.thiefToken)
	header.Set("Content-Type", "application/json")
	for _, path := range []string{route, "/graphql", api3 + "traces/search", "/oidc/trash/cleanup"} {
		got, err := c.ask(ctx, request{method: http.MethodPost, url: c.stack.MLflow.URL + path, header: header, raw: body})
		// A client that is refused while it sends may not receive the response; the server keeps
		// running.
		if err == nil && got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusBadRequest && path != "/oidc/trash/cleanup" {
			return "", check.Mismatch(fmt.Sprintf("%d for 10 MB of JSON at %s", got.status, path), "413 before it is parsed")
		}
	}
	return "10 MB of JSON are refused, and the server lives on", c.expectAlive(ctx, began)
}

func (c *suite) compressedSpans(ctx context.Context) (string, error) {
	_, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	send := func(size int) (response, error) {
		raw, err := json.Marshal(spanOf(newTraceID(), "packed", map[string]string{"note": strings.Repeat("a", size)}))
		if err != nil {
			return response{}, err
		}
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(raw); err != nil {
			return response{}, err
		}
		if err := w.Close(); err != nil {
			return response{}, err
		}
		header := bearer(c.thiefToken)
		header.Set("Content-Type", "application/json")
		header.Set("Content-Encoding", "gzip")
		header.Set("X-Mlflow-Experiment-Id", own.experiment)
		return c.ask(ctx, request{method: http.MethodPost, url: c.stack.MLflow.URL + "/v1/traces", header: header, raw: out.Bytes()})
	}
	proper, err := send(100)
	if err != nil {
		return "", err
	}
	if proper.status != http.StatusOK {
		return "", check.NotRun(fmt.Errorf("%d for a small compressed span", proper.status))
	}
	got, err := send(40 << 20)
	if err != nil {
		return "", check.Mismatch("no answer to 60 kB that become 40 MB: "+err.Error(), "413")
	}
	if got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusBadRequest {
		return "", check.Mismatch(fmt.Sprintf("%d for 60 kB that become 40 MB", got.status), "413")
	}
	return "60 kB that become 40 MB are refused", c.expectAlive(ctx, began)
}
