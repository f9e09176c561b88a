//go:build e2e

package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hungWithin is the promise: what needs the database is refused by then.
const hungWithin = 10 * time.Second

// A Postgres that hangs keeps its connections open, unlike one that is down.
func TestAHungPostgresIsAnsweredWith503AndNamedByDoctor(t *testing.T) {
	nightly(t)
	l := ownLab(t)
	l.must(t, "up", "--no-verify")
	deployed, err := l.outputs(t.Context())
	require.NoError(t, err)
	w := &ward{T: t, lab: l, deployed: deployed, docker: openEngine(t)}
	require.Equal(t, http.StatusUnauthorized, w.asks("/api/2.0/mlflow/users/current"), "the control: a wrong token")

	pause("postgres")(w)
	for range 20 { // more than the threads of all processes
		require.Equal(t, http.StatusServiceUnavailable, w.asks("/api/2.0/mlflow/users/current"))
		require.Equal(t, http.StatusServiceUnavailable, w.asks("/health/ready"))
		require.Equal(t, http.StatusServiceUnavailable, w.asks("/"))
		require.Equal(t, http.StatusOK, w.asks("/health"))
	}
	first := w.examine().Findings[0]
	require.EqualValues(t, "container-paused", first.ID)
	require.Contains(t, first.Effect, "logins fail")

	w.fix(first.Fix)
	w.waitHealthy()
	require.Equal(t, http.StatusUnauthorized, w.asks("/api/2.0/mlflow/users/current"))
}

// asks is the status of a request with a token that has to be looked up.
func (w *ward) asks(path string) int {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), hungWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.deployed.MLflow.URL+path, http.NoBody)
	require.NoError(w, err)
	request.SetBasicAuth("demo-member@example.com", "mlf_0_0")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(w, err, path)
	require.NoError(w, answer.Body.Close())
	return answer.StatusCode
}
