package loadgen

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoRequestLeavesThisMachine(t *testing.T) {
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	require.NoError(t, Open(Server{URL: server.URL}).Do(t.Context(), http.MethodGet, "/", nil, nil))
	require.EqualValues(t, 1, reached.Load())

	remote := func(_ *http.Client, transport *http.Transport) {
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe() // from an address that is not loopback
			t.Cleanup(func() { _, _ = near.Close(), far.Close() })
			return near, nil
		}
	}

	require.ErrorIs(t, Open(Server{URL: server.URL, Way: remote}).Do(t.Context(), http.MethodGet, "/", nil, nil), ErrNotLocal)
}

func TestErrorsNeverRepeatAHeader(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	err := Open(Server{URL: server.URL, Header: http.Header{"Authorization": {"Bearer secret"}}}).Do(t.Context(), http.MethodGet, "/x", nil, nil)

	require.ErrorContains(t, err, "GET /x: got 404")
	require.NotContains(t, err.Error(), "secret")
}

func TestEveryClientContinuesUntilTheTimeIsOver(t *testing.T) {
	var done [3]int

	got, err := Measure(t.Context(), len(done), 500*time.Millisecond, func(_ context.Context, client int) error {
		done[client]++
		time.Sleep(time.Millisecond)
		return nil
	})

	require.NoError(t, err)
	require.Equal(t, done[0]+done[1]+done[2], got.Requests)
	for _, n := range done {
		require.Greater(t, n, 1)
	}
	require.Positive(t, got.PerSecond)
	require.LessOrEqual(t, got.PerSecond, float64(got.Requests)/0.5, "it took less time than it had to")
	require.GreaterOrEqual(t, got.P95, got.P50)
	require.GreaterOrEqual(t, got.P50, 1.0)
}

func TestAMeasurementEndsAtTheFirstErrorAndReportsIt(t *testing.T) {
	broken := errors.New("broken")

	_, err := Measure(t.Context(), 4, time.Hour, func(ctx context.Context, client int) error {
		if client == 0 {
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	})

	require.ErrorIs(t, err, broken)
}

func TestPercentilesAreValuesThatWereMeasured(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	require.Equal(t, 50.0, percentile(hundred, 50))
	require.Equal(t, 95.0, percentile(hundred, 95))
	require.Equal(t, 7.0, percentile([]float64{7}, 95))
	require.Zero(t, percentile(nil, 50))
}

func TestAStuckDownloadArrivesWholeWhenItIsReadOn(t *testing.T) {
	content := make([]byte, 8<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	defer server.Close()

	stuck, err := GetStuck(t.Context(), Server{URL: server.URL}, "/")

	require.NoError(t, err)
	defer stuck.Close()
	sum, err := stuck.Rest()
	require.NoError(t, err)
	require.Equal(t, "2daeb1f36095b44b318410b3f4e8b5d989dcc7bb023d1426c492dab0a3053e74", sum) // of 8 MiB of zeros
}
