package realmusers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// bruteForce answers like Keycloak about the failed logins of one user.
type bruteForce struct {
	disabled, stubborn bool
	failures, deleted  int
}

func (b *bruteForce) realm(t *testing.T) *Realm {
	t.Helper()
	write := func(w http.ResponseWriter, document any) { _ = json.NewEncoder(w).Encode(document) }
	mux := http.NewServeMux()
	mux.HandleFunc("POST /realms/master/protocol/openid-connect/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		write(w, map[string]any{"access_token": "t"})
	})
	mux.HandleFunc("GET /admin/realms/mlflow/attack-detection/brute-force/users/1", func(w http.ResponseWriter, _ *http.Request) {
		write(w, map[string]any{"disabled": b.disabled, "numFailures": b.failures})
	})
	mux.HandleFunc("DELETE /admin/realms/mlflow/attack-detection/brute-force/users/1", func(w http.ResponseWriter, _ *http.Request) {
		b.deleted++
		b.disabled, b.failures = b.stubborn, 0
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r, err := Open(t.Context(), outputs.Stack{Keycloak: outputs.Keycloak{AdminURL: server.URL}, Realm: outputs.Realm{Name: "mlflow"}})
	require.NoError(t, err)
	return r
}

func TestALockIsRemovedAndReported(t *testing.T) {
	ada := &gocloak.User{ID: gocloak.StringP("1"), Username: gocloak.StringP("ada")}
	for name, c := range map[string]struct {
		state             bruteForce
		unlocked, deleted int
	}{
		"locked":           {bruteForce{disabled: true, failures: 12}, 12, 1},
		"about to lock":    {bruteForce{failures: 9}, 0, 1},
		"no failed logins": {bruteForce{}, 0, 0},
	} {
		got, err := c.state.realm(t).unlock(t.Context(), ada)
		require.NoError(t, err, name)
		require.Equal(t, c.unlocked, got, name)
		require.Equal(t, c.deleted, c.state.deleted, name)
	}
	stubborn := bruteForce{disabled: true, stubborn: true, failures: 10}
	_, err := stubborn.realm(t).unlock(t.Context(), ada)
	require.ErrorContains(t, err, "ada is locked after 10 wrong passwords")
}
