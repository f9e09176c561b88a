package stack

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/require"
)

type silentStep struct{}

func (silentStep) Say(string, ...any) {}
func (silentStep) Writer() io.Writer  { return io.Discard }

func violated(level string) apitype.EngineEvent {
	return apitype.EngineEvent{PolicyEvent: &apitype.PolicyEvent{
		ResourceURN: "urn:pulumi:dev::p::docker:index/container:Container::mlflow-container", Message: "<{%reset%}>port 5000 is public<{%reset%}>\n",
		PolicyName: "no-public-port", PolicyPackName: "house", EnforcementLevel: level,
	}}
}

func TestAMandatoryPolicyFailsInTheWordsOfItsPack(t *testing.T) {
	collector := &eventCollector{}
	collector.take(violated("mandatory"), silentStep{})

	err := Hinted("preview", errors.New("exit status 255"), collector.problems)

	require.EqualError(t, err, "preview: a policy pack forbids this: change the settings that its message names, or ask the owner of the pack\n"+
		"  mlflow-container: violates mandatory policy no-public-port of pack house: port 5000 is public")
	require.Empty(t, collector.advice)
}

func TestAnAdvisoryPolicyIsReportedOnceAndFailsNothing(t *testing.T) {
	collector := &eventCollector{}
	collector.take(violated("advisory"), silentStep{})
	require.Empty(t, collector.problems)

	s := &Stack{}
	s.addAdvice(collector.advice)
	s.addAdvice(collector.advice)

	require.Equal(t, []string{"mlflow-container: violates advisory policy no-public-port of pack house: port 5000 is public"}, s.Advice())
}

func TestAPluginOnPathNeverReplacesThatOfTheToolchain(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	require.NoError(t, pluginsOnPath())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pulumi-resource-keycloak"), []byte("#!/bin/sh\n"), 0o700))

	s := &Stack{Options: Options{PolicyPacks: []string{"/pack"}}}
	_, err := s.environment()

	require.ErrorContains(t, err, "got "+folder+"/pulumi-resource-keycloak, want none")
}
