package provider

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	fakeClient = "program"
	fakeSecret = "a-fake-secret"
)

// fakeKeycloak implements the admin API calls of the provider, and stores changes.
type fakeKeycloak struct {
	*httptest.Server

	mu sync.Mutex
	// realms are representations by name; profile is realm master's.
	realms  map[string]map[string]any
	profile map[string]any
	// users and clients are by realm.
	users, clients map[string][]map[string]any
	// roles are those of the one service account.
	roles []map[string]any
	// passwords are the passwords that were set, in order.
	passwords []string
	// members are those of the one group, by their IDs; fixed ones are of a read-only directory.
	members map[string]string
	fixed   []string
	// changes counts writes, logins the login attempts.
	changes, logins int
	// broken is the status of every login; 0 for success.
	broken int
	// deaf accepts a change of a client and ignores it.
	deaf bool
}

func newFakeKeycloak(t *testing.T) *fakeKeycloak {
	t.Helper()
	f := &fakeKeycloak{
		realms:  map[string]map[string]any{"master": {"realm": "master", "rememberMe": true, "attributes": map[string]any{"of.another": "stays"}}, "mlflow": {}},
		profile: map[string]any{"attributes": []any{map[string]any{"name": "username"}}},
		users:   map[string][]map[string]any{"mlflow": {{"id": "u1", "username": "demo-admin"}}},
		clients: map[string][]map[string]any{
			"master": {{"id": "program-id", "clientId": fakeClient, "secret": fakeSecret, "attributes": map[string]any{}}},
			"mlflow": {{"id": "cli-id", "clientId": "admin-cli", "enabled": true}, {"id": "sync-id", "clientId": "sync"}, {"id": "rm-id", "clientId": "realm-management"}},
		},
		roles:   []map[string]any{{"id": "r2", "name": "manage-users"}},
		members: map[string]string{"u2": "ada"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /realms/master/protocol/openid-connect/token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		f.logins++
		if f.broken != 0 {
			w.WriteHeader(f.broken)
			return
		}
		if len(f.clients["master"]) == 0 || id != fakeClient || secret != f.clients["master"][0]["secret"] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		reply(t, w, map[string]any{"access_token": "token"})
	})
	f.realmCalls(t, mux)
	f.groupCalls(t, mux)
	f.userCalls(t, mux)
	f.clientCalls(t, mux)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		parts := strings.Split(r.URL.Path, "/")
		if len(parts) > 3 && parts[1] == "admin" && f.realms[parts[3]] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && parts[1] == "admin" {
			f.changes++
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeKeycloak) realmCalls(t *testing.T, mux *http.ServeMux) {
	t.Helper()
	mux.HandleFunc("GET /admin/realms/{realm}", func(w http.ResponseWriter, r *http.Request) { reply(t, w, f.realms[r.PathValue("realm")]) })
	mux.HandleFunc("PUT /admin/realms/{realm}", func(_ http.ResponseWriter, r *http.Request) { takeInto(t, f.realms[r.PathValue("realm")], r) })
	mux.HandleFunc("GET /admin/realms/master/users/profile", func(w http.ResponseWriter, _ *http.Request) { reply(t, w, f.profile) })
	mux.HandleFunc("PUT /admin/realms/master/users/profile", func(_ http.ResponseWriter, r *http.Request) { takeInto(t, f.profile, r) })
}

// joins adds a user to the group, like an administrator.
func (f *fakeKeycloak) joins(id, username string) { f.members[id] = username }

func (f *fakeKeycloak) groupCalls(t *testing.T, mux *http.ServeMux) {
	t.Helper()
	mux.HandleFunc("GET /admin/realms/mlflow/group-by-path/{name}", func(w http.ResponseWriter, r *http.Request) {
		if f.members == nil || r.PathValue("name") != "team" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		reply(t, w, map[string]any{"id": "g1", "name": "team"})
	})
	mux.HandleFunc("GET /admin/realms/mlflow/groups/g1/members", func(w http.ResponseWriter, _ *http.Request) {
		all := []map[string]any{}
		for id, username := range f.members {
			all = append(all, map[string]any{"id": id, "username": username})
		}
		reply(t, w, all)
	})
	mux.HandleFunc("DELETE /admin/realms/mlflow/users/{id}/groups/g1", func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(f.fixed, r.PathValue("id")) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		delete(f.members, r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
}

func (f *fakeKeycloak) userCalls(t *testing.T, mux *http.ServeMux) {
	t.Helper()
	const users = "/admin/realms/{realm}/users"
	mux.HandleFunc("GET "+users, func(w http.ResponseWriter, r *http.Request) { reply(t, w, f.users[r.PathValue("realm")]) })
	mux.HandleFunc("POST "+users, func(w http.ResponseWriter, r *http.Request) {
		made := map[string]any{"id": "made"}
		takeInto(t, made, r)
		delete(made, "credentials")
		f.users[r.PathValue("realm")] = append(f.users[r.PathValue("realm")], made)
		w.Header().Set("Location", "users/made")
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("DELETE "+users+"/{id}", func(_ http.ResponseWriter, r *http.Request) {
		realm := r.PathValue("realm")
		f.users[realm] = slices.DeleteFunc(f.users[realm], func(u map[string]any) bool { return u["id"] == r.PathValue("id") })
	})
	mux.HandleFunc("PUT "+users+"/{id}/reset-password", func(_ http.ResponseWriter, r *http.Request) {
		set := map[string]any{}
		takeInto(t, set, r)
		f.passwords = append(f.passwords, set["value"].(string))
	})
	mux.HandleFunc("POST "+users+"/{id}/logout", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST "+users+"/{id}/role-mappings/realm", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET "+users+"/{id}/role-mappings/clients/rm-id", func(w http.ResponseWriter, _ *http.Request) { reply(t, w, f.roles) })
	mux.HandleFunc("POST "+users+"/{id}/role-mappings/clients/rm-id", func(_ http.ResponseWriter, r *http.Request) {
		var more []map[string]any
		require.NoError(t, json.NewDecoder(r.Body).Decode(&more))
		f.roles = append(f.roles, more...)
	})
	mux.HandleFunc("DELETE "+users+"/{id}/role-mappings/clients/rm-id", func(_ http.ResponseWriter, r *http.Request) {
		var less []map[string]any
		require.NoError(t, json.NewDecoder(r.Body).Decode(&less))
		f.roles = slices.DeleteFunc(f.roles, func(role map[string]any) bool {
			return slices.ContainsFunc(less, func(gone map[string]any) bool { return gone["name"] == role["name"] })
		})
	})
	mux.HandleFunc("GET /admin/realms/{realm}/roles/{name}", func(w http.ResponseWriter, r *http.Request) {
		reply(t, w, map[string]any{"id": "r0", "name": r.PathValue("name")})
	})
}

func (f *fakeKeycloak) clientCalls(t *testing.T, mux *http.ServeMux) {
	t.Helper()
	const clients = "/admin/realms/{realm}/clients"
	mux.HandleFunc("GET "+clients, func(w http.ResponseWriter, r *http.Request) {
		found := []map[string]any{}
		for _, c := range f.clients[r.PathValue("realm")] {
			if c["clientId"] == r.URL.Query().Get("clientId") {
				found = append(found, c)
			}
		}
		reply(t, w, found)
	})
	mux.HandleFunc("PUT "+clients+"/{id}", func(_ http.ResponseWriter, r *http.Request) {
		for _, c := range f.clients[r.PathValue("realm")] {
			if c["id"] == r.PathValue("id") && !f.deaf {
				takeInto(t, c, r)
			}
		}
	})
	mux.HandleFunc("GET "+clients+"/{id}/service-account-user", func(w http.ResponseWriter, _ *http.Request) {
		reply(t, w, map[string]any{"id": "sync-user"})
	})
	mux.HandleFunc("GET "+clients+"/{id}/roles/{name}", func(w http.ResponseWriter, r *http.Request) {
		reply(t, w, map[string]any{"id": "r1", "name": r.PathValue("name")})
	})
}

func reply(t *testing.T, w http.ResponseWriter, document any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	require.NoError(t, json.NewEncoder(w).Encode(document))
}

// takeInto merges what is sent.
func takeInto(t *testing.T, document map[string]any, r *http.Request) {
	t.Helper()
	sent := map[string]any{}
	require.NoError(t, json.NewDecoder(r.Body).Decode(&sent))
	for name, value := range sent {
		document[name] = value
	}
}
