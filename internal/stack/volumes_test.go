package stack

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

const oneVolume = `{"resources":[
	{"urn":"v","type":"docker:index/volume:Volume","id":"lab-postgres-data","inputs":{"name":"lab-postgres-data","labels":[{"label":"a","value":"b"}]},
	 "outputs":{"driver":"local","driverOpts":{"type":"none"},"labels":[{"label":"mlflow-sso.deployment","value":"lab"}],"future":1,"__pulumi_raw_state_delta":{"obj":{}}}},
	{"urn":"w","type":"docker:index/volume:Volume","id":"lab-mlflow-artifacts","inputs":{"labels":[1]},"outputs":{"labels":[2]}},
	{"urn":"d","type":"docker:index/volume:Volume","id":"lab-gone","delete":true}]}`

func TestVolumesOfTheStateHaveTheirLabelsAndOptions(t *testing.T) {
	var s State
	require.NoError(t, json.Unmarshal([]byte(oneVolume), &s.snapshot))
	all := s.Volumes()
	require.Len(t, all, 2)
	require.Equal(t, Volume{
		Name: "lab-postgres-data", Driver: "local", Options: map[string]string{"type": "none"},
		Labels: map[string]string{"mlflow-sso.deployment": "lab"},
	}, all[0])
	require.Equal(t, "lab", all[0].Deployment())
}

func TestAnAcceptedVolumeHasNoLabelsAndAllElseStays(t *testing.T) {
	after, err := withoutLabels(json.RawMessage(oneVolume), []string{"lab-postgres-data"})
	require.NoError(t, err)
	require.JSONEq(t, `{"resources":[
		{"urn":"v","type":"docker:index/volume:Volume","id":"lab-postgres-data","inputs":{"name":"lab-postgres-data","labels":[]},
		 "outputs":{"driver":"local","driverOpts":{"type":"none"},"labels":[],"future":1}},
		{"urn":"w","type":"docker:index/volume:Volume","id":"lab-mlflow-artifacts","inputs":{"labels":[1]},"outputs":{"labels":[2]}},
		{"urn":"d","type":"docker:index/volume:Volume","id":"lab-gone","delete":true}]}`, string(after))
}

func TestWhatIsInTheDatabasesLeavesTheStateTogether(t *testing.T) {
	whole, err := without(json.RawMessage(`{"resources":[
		{"urn":"p","type":"pulumi:providers:keycloak"},
		{"urn":"o","type":"pulumi:providers:mlflow-sso"},
		{"urn":"c","type":"mlflow-sso:permissions:Permissions"},
		{"urn":"g","type":"mlflow-sso:permissions:Grant","custom":true},
		{"urn":"r","type":"keycloak:index/realm:Realm","custom":true},
		{"urn":"m","type":"docker:index/container:Container","custom":true,"dependencies":["g","r","c"]}]}`), isInDatabase)
	require.NoError(t, err)
	require.JSONEq(t, `{"resources":[
		{"urn":"o","type":"pulumi:providers:mlflow-sso"},
		{"urn":"c","type":"mlflow-sso:permissions:Permissions"},
		{"urn":"m","type":"docker:index/container:Container","custom":true,"dependencies":["c"]}]}`, string(whole))
}
