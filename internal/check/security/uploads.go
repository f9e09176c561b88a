package security

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// chunked sends a body without a length.
func (c *suite) chunked(ctx context.Context, method, path string, header http.Header, body []byte) (response, error) {
	return c.ask(ctx, request{method: method, url: c.stack.MLflow.URL + path, header: header, stream: io.NopCloser(bytes.NewReader(body)), length: -1})
}

func (c *suite) chunkedUpload(ctx context.Context) (string, error) {
	owner, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	for name, size := range map[string]int{"small.txt": 100, "large.txt": 300 << 10} {
		content, path := strings.Repeat("x", size), artifacts+"/"+own.files()+"/"+name
		put, err := c.put(ctx, c.thiefToken, path, content)
		if err != nil {
			return "", err
		}
		got, err := c.as(ctx, c.thiefToken, http.MethodGet, path, nil)
		if err != nil {
			return "", err
		}
		if put.status/100 != 2 || got.body != content {
			return "", check.NotRun(fmt.Errorf("%d for a file with a length, of which %d bytes of %d came back", put.status, len(got.body), size))
		}
		again := strings.Repeat("y", size)
		header := bearer(c.thiefToken)
		header.Set("Content-Type", "text/plain")
		if put, err = c.chunked(ctx, http.MethodPut, path, header, []byte(again)); err != nil {
			return "", check.Mismatch("no answer to a file in chunks: "+err.Error(), "200, or a refusal")
		}
		if got, err = c.as(ctx, c.thiefToken, http.MethodGet, path, nil); err != nil {
			return "", err
		}
		if put.status/100 == 2 && got.body != again {
			return "", check.Mismatch(fmt.Sprintf("%d for a file in chunks, of which %d bytes of %d came back", put.status, len(got.body), size), "the whole file, or a refusal")
		}
	}
	header := bearer(c.thiefToken)
	header.Set("Content-Type", "application/json")
	got, err := c.chunked(ctx, http.MethodPost, api+"runs/search", header, []byte(`{"experiment_ids":["`+owner.experiment+`"]}`))
	if err != nil {
		return "", err
	}
	if got.status/100 == 2 {
		return "", check.Mismatch(fmt.Sprintf("%d for a search in chunks in another member's experiment", got.status), "403")
	}
	return "files in chunks are stored whole, and a search in chunks is refused as any other", nil
}

// spooled returns how many bytes MLflow stores in unnamed files.
func (c *suite) spooled(ctx context.Context) (int, error) {
	var answer struct{ Bytes int }
	err := c.inMLflow(ctx, probe.SpooledBytes, "", &answer)
	return answer.Bytes, err
}

func (c *suite) spooledBody(ctx context.Context) (string, error) {
	_, own, err := c.theirs(ctx)
	if err != nil {
		return "", err
	}
	const size, sent, looks = 16 << 20, 12 << 20, 3
	// held starts a request, and measures the disk before the request ends.
	held := func(method, path string, header http.Header) (kept int, err error) {
		within, stop := context.WithCancel(ctx)
		defer stop()
		r, w := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = c.ask(within, request{method: method, url: c.stack.MLflow.URL + path, header: header, stream: r, length: size})
		}()
		go func() { _, _ = w.Write(make([]byte, sent)) }()
		// A busy machine takes a while to write; data that is never stored takes the full wait.
		for range looks {
			_ = poll.Pause(ctx, time.Second) // the next check reports that the run has ended
			if kept, err = c.spooled(ctx); err != nil || kept >= sent/2 {
				break
			}
		}
		stop()
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
		<-done
		return kept, err
	}
	before, err := c.spooled(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	header := bearer(c.thiefToken)
	header.Set("Content-Type", "application/octet-stream")
	kept, err := held(http.MethodPut, artifacts+"/"+own.files()+"/held.bin", header)
	if err == nil && kept-before < sent/2 {
		err = fmt.Errorf("%d bytes of a member's upload of %d are seen on the disk", kept-before, sent)
	}
	if err != nil {
		return "", check.NotRun(err)
	}
	tried := []string{"/health", "/version", "/login", "/static-files/x", "/metrics"}
	for _, path := range tried {
		kept, err := held(http.MethodPost, path, http.Header{"Content-Type": {"application/octet-stream"}})
		if err != nil {
			return "", check.NotRun(err)
		}
		if kept-before >= 1<<20 {
			return "", check.Mismatch(fmt.Sprintf("%d bytes of an anonymous body to %s on the disk", kept-before, path), "none")
		}
	}
	return fmt.Sprintf("no anonymous body to %d public routes is stored on disk", len(tried)), nil
}
