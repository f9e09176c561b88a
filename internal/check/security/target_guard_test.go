package security

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

func TestNoRequestReachesAnAddressThatIsNotTheStacksAlsoByRedirect(t *testing.T) {
	reached := 0
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer victim.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, victim.URL, http.StatusFound)
		}
	}))
	defer own.Close()
	var stack outputs.Stack
	stack.MLflow.URL, stack.Keycloak.URL, stack.Keycloak.AdminURL = own.URL, own.URL, own.URL
	g, err := newGuard(stack)
	require.NoError(t, err)
	b := browser.New(g.apply)
	defer b.Close()

	page, err := b.Open(t.Context(), own.URL+"/")
	require.NoError(t, err, "the control: the stack's own address is reached")
	require.Equal(t, http.StatusOK, page.Status)
	for _, address := range []string{victim.URL, own.URL + "/away"} {
		_, err := b.Open(t.Context(), address)
		require.ErrorIs(t, err, errForeignHost, address)
	}
	client := &http.Client{Transport: http.DefaultTransport}
	g.apply(client, nil)
	_, err = client.Get(own.URL + "/away") //nolint:bodyclose // there is none
	require.ErrorIs(t, err, errForeignHost)
	require.Zero(t, reached)
}

func TestWhatTheEdgePutsOffIsAskedAgainWithItsBody(t *testing.T) {
	asked := 0
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		body, _ := io.ReadAll(r.Body)
		if asked == 1 || string(body) != "{}" {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer own.Close()
	g := &guard{origins: map[string]bool{own.URL: true}}
	b := browser.New(g.apply)
	defer b.Close()

	page, err := b.Fetch(t.Context(), http.MethodPost, own.URL, nil, []byte("{}"))

	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status)
	require.Equal(t, 2, asked)
}

func TestAPauseForTheRateLimitIsNotASlowResponse(t *testing.T) {
	asked := 0
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer own.Close()
	client := &http.Client{Transport: http.DefaultTransport}
	(&guard{origins: map[string]bool{own.URL: true}}).apply(client, nil)
	s := &sweeper{suite: &suite{client: client}}

	got, slow, err := s.within(t.Context(), 500*time.Millisecond, request{method: http.MethodGet, url: own.URL})

	require.NoError(t, err)
	require.False(t, slow)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, 2, asked)
}

func TestAnAnswerThatDoesNotComeIsSlow(t *testing.T) {
	release := make(chan struct{})
	own := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer own.Close()
	defer close(release)
	client := &http.Client{Transport: http.DefaultTransport}
	(&guard{origins: map[string]bool{own.URL: true}}).apply(client, nil)
	s := &sweeper{suite: &suite{client: client}}

	_, slow, _ := s.within(t.Context(), 50*time.Millisecond, request{method: http.MethodGet, url: own.URL})

	require.True(t, slow)
}

func TestAStackWithoutAddressesIsNotAttacked(t *testing.T) {
	_, err := newGuard(outputs.Stack{})
	require.ErrorContains(t, err, "run `mlflow-sso up`")
}

func TestEveryAttackDescribesItsAttemptControlAndDefence(t *testing.T) {
	require.Empty(t, Suite(outputs.Stack{}).Validate())
	for _, a := range (&suite{}).attacks() {
		for _, text := range []string{a.tries, a.control, a.defence, a.next} {
			require.NotEmpty(t, text, a.name)
		}
	}
}
