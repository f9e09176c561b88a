//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/syncstatus"
)

// handMade are changes that an administrator makes without Pulumi, and the resource whose difference a
// refresh must report.
var handMade = []struct {
	resource string
	change   func(t *testing.T, h keycloakEditor)
}{
	{"realm-master", func(t *testing.T, h keycloakEditor) {
		t.Helper()
		changeRealm(t, h.deployed, "master", map[string]any{"bruteForceProtected": false, "adminEventsEnabled": false})
	}},
	{"realm-realm", func(_ *testing.T, h keycloakEditor) { h.sets("", map[string]any{"accessTokenLifespan": 7200}) }},
	{"realm-client", func(_ *testing.T, h keycloakEditor) {
		h.sets(h.client("mlflow"), map[string]any{"redirectUris": []string{"*"}})
	}},
	{"realm-client-admin-cli", func(_ *testing.T, h keycloakEditor) {
		h.sets(h.client("admin-cli"), map[string]any{"enabled": true})
	}},
	{"realm-events", func(_ *testing.T, h keycloakEditor) {
		h.sets("/events/config", map[string]any{"eventsListeners": []string{}})
	}},
	{"realm-groups-mapper", func(_ *testing.T, h keycloakEditor) {
		path := h.client("mlflow") + "/protocol-mappers/models"
		h.send(http.MethodDelete, path+"/"+h.one(path, "name", "groups"), nil)
	}},
	{"realm-sync-roles", func(t *testing.T, h keycloakEditor) {
		t.Helper()
		account := h.send(http.MethodGet, h.client("mlflow-keeper")+"/service-account-user", nil).(map[string]any)
		at := h.client("realm-management")
		role := h.send(http.MethodGet, at+"/roles/manage-users", nil)
		h.post("/users/"+account["id"].(string)+"/role-mappings"+at, []any{role})
	}},
}

// Pulumi alone brings up the production file's stack, finds no difference, defends it against manual
// changes and tears it down. A preview needs no Docker.
func TestPlainPulumiBringsUpAndDefendsTheStackOfTheProdFile(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newPublicLab(t.TempDir())
	require.NoError(t, err)
	p := ownPlainPulumi(t, l)

	away := *p
	away.env = append(append([]string{}, p.env...), "DOCKER_HOST=unix:///nothing/here.sock")
	require.Contains(t, away.must(t, "preview", "--stack", l.name), "mlflow-container")
	said, err := away.run(t, "up", "--yes", "--skip-preview", "--stack", l.name)
	require.Error(t, err)
	require.Contains(t, said, "/nothing/here.sock")

	p.up(t, l)
	allChecksPass(t, p.verify(t, l))
	p.nothingToDo(t, l)
	require.Contains(t, away.must(t, "preview", "--stack", l.name), "unchanged")

	deployed := p.outputs(t, l)
	leaverIsOut(t, deployed)
	h := keycloakEditor{t, deployed}
	for _, made := range handMade {
		made.change(t, h)
	}
	named := p.must(t, "preview", "--refresh", "--diff", "--stack", l.name)
	for _, made := range handMade {
		assert.Contains(t, named, "::"+made.resource+"]", "a refresh does not name it")
	}
	p.up(t, l, "--refresh")
	p.nothingToDo(t, l)
	allChecksPass(t, p.verify(t, l))
}

// leaverIsOut requires that sessions and tokens of a disabled user end within the promised time.
func leaverIsOut(t *testing.T, deployed outputs.Stack) {
	t.Helper()
	visit := scenario.New(deployed, openEngine(t))
	require.NoError(t, visit.SetUp(t.Context()))
	t.Cleanup(func() { _, _ = visit.TearDown(context.Background()) })
	leaver := employ(t, deployed, visit, "leaves")
	api, token := keycloakAdmin(t, deployed)
	require.NoError(t, api.UpdateUser(t.Context(), token, deployed.Realm.Name, gocloak.User{ID: &leaver.ID, Enabled: gocloak.BoolP(false)}))
	require.Eventually(t, func() bool { return assert.ObjectsAreEqual([]int{401, 401, 401}, leaver.tries(t)) },
		syncstatus.Expired(deployed)+remembers, 200*time.Millisecond)
	_, err := visit.TearDown(t.Context())
	require.NoError(t, err)
}

// Every credential is rotated at once, and then by another root secret, by updates of plain Pulumi that
// are killed once each: the old value is refused, the new one accepted, and encrypted data is readable.
func TestPlainPulumiRotatesEveryCredentialAlsoAfterAKill(t *testing.T) {
	nightly(t)
	t.Parallel()
	l, err := newLab(t.TempDir())
	require.NoError(t, err)
	keepSnapshots(t, l)
	p, docker := ownPlainPulumi(t, l), openEngine(t)
	p.up(t, l)
	gateway(t, docker, p.outputs(t, l), "", "store")
	all := []map[string]string{keys(t, docker, p.outputs(t, l))}

	settings := filepath.Join(p.folder, filepath.Base(l.file))
	text, err := os.ReadFile(settings)
	require.NoError(t, err)
	for _, setting := range []map[string]any{
		{"generations": raised(2)},
		{"generations": raised(2), "root": 2},
	} {
		encoded, err := json.Marshal(setting)
		require.NoError(t, err)
		added := fmt.Sprintf("  mlflow-sso:credentials: %s\n", encoded)
		require.NoError(t, os.WriteFile(settings, []byte(strings.Replace(string(text), "config:\n", "config:\n"+added, 1)), 0o600))
		before, err := docker.API().ContainerInspect(t.Context(), l.name+"-keycloak")
		require.NoError(t, err)
		p.killed(t, l, "Keycloak is another", func() bool {
			now, err := docker.API().ContainerInspect(t.Context(), l.name+"-keycloak")
			return err == nil && now.ID != before.ID && now.State.Health != nil && now.State.Health.Status == "healthy"
		}, time.Second)
		p.up(t, l)
		allChecksPass(t, p.verify(t, l))
		all = append(all, everyRotated(t, docker, p.outputs(t, l), all...))
		p.nothingToDo(t, l)
	}
}
