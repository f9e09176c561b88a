package provider

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

const proofSecret = "the password of a demo user"

// aProof is a server with the test's checks.
type aProof struct {
	*server
	proving *loginProofs
	// proofs counts them; results are those of the next one.
	proofs  int
	results []check.Result
	err     error
	said    []string
}

func newProof(t *testing.T, deferred bool) *aProof {
	t.Helper()
	a := &aProof{results: []check.Result{{ID: "login-member", Status: check.StatusPassed}}}
	a.proving = newLoginProofs(deferred)
	a.proving.prove = func(_ context.Context, stack outputs.Stack, progress func(string)) (check.Report, error) {
		a.proofs++
		require.Equal(t, "d", stack.Deployment)
		require.Equal(t, proofSecret, stack.DemoUsers[0].Password)
		progress("1 of 1")
		return check.Report{Checks: a.results}, a.err
	}
	a.server = newServer(a.proving)
	a.say = func(_ context.Context, _ resource.URN, text string) { a.said = append(a.said, text) }
	return a
}

// proofInputs are in the engine's format, with marked secrets.
func proofInputs(mode, realm string) resource.PropertyMap {
	return resource.PropertyMap{
		loginproof.Mode:    resource.NewProperty(mode),
		loginproof.Outputs: resource.MakeSecret(resource.NewProperty(`{"deployment":"d","mlflow":{"url":"http://localhost"},"demoUsers":[{"password":"` + proofSecret + `"}]}`)),
		loginproof.Triggers: resource.NewProperty(resource.PropertyMap{
			"realm": resource.MakeSecret(resource.NewProperty(realm)), "mlflow": resource.MakeSecret(resource.NewProperty("1")),
		}),
	}
}

func (a *aProof) create(t *testing.T, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	t.Helper()
	checked, err := a.Check(t.Context(), plugin.CheckRequest{Type: loginproof.TypeToken, News: inputs})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	made, err := a.Create(t.Context(), plugin.CreateRequest{Type: loginproof.TypeToken, Properties: checked.Properties})
	return made.Properties, err
}

func (a *aProof) difference(t *testing.T, state, inputs resource.PropertyMap) plugin.DiffResponse {
	t.Helper()
	found, err := a.Diff(t.Context(), plugin.DiffRequest{Type: loginproof.TypeToken, OldInputs: inputs, OldOutputs: state, NewInputs: inputs})
	require.NoError(t, err)
	require.Empty(t, found.ReplaceKeys)
	return found
}

func TestTheLoginsAreProvedOnceAndAgainAfterAChangeOfWhatTheyDependOn(t *testing.T) {
	a := newProof(t, false)
	state, err := a.create(t, proofInputs(loginproof.OnChange, "1"))
	require.NoError(t, err)
	require.Equal(t, 1, a.proofs)
	require.Equal(t, plugin.DiffNone, a.difference(t, state, proofInputs(loginproof.OnChange, "1")).Changes)

	changed := proofInputs(loginproof.OnChange, "2")
	found := a.difference(t, state, changed)
	require.Equal(t, plugin.DiffSome, found.Changes)
	require.Contains(t, found.DetailedDiff, "triggers.realm")
	require.Len(t, found.DetailedDiff, 1, "what has changed is named, and nothing else")
	updated, err := a.Update(t.Context(), plugin.UpdateRequest{Type: loginproof.TypeToken, OldOutputs: state, NewInputs: changed})
	require.NoError(t, err)
	require.Equal(t, 2, a.proofs)
	require.Equal(t, plugin.DiffNone, a.difference(t, updated.Properties, changed).Changes)
	require.Contains(t, strings.Join(a.said, "\n"), "1 checks passed")
}

func TestAlwaysRunsAProofInEveryUpdateAndSaysSo(t *testing.T) {
	a := newProof(t, false)
	inputs := proofInputs(loginproof.Always, "1")
	state, err := a.create(t, inputs)
	require.NoError(t, err)
	require.Equal(t, plugin.DiffSome, a.difference(t, state, inputs).Changes)
	require.Contains(t, a.said[len(a.said)-1], "`proof` is always")
}

func TestAFailedProofFailsTheUpdateInTheWordsOfTheChecksAndIsRepeated(t *testing.T) {
	a := newProof(t, false)
	inputs := proofInputs(loginproof.OnChange, "1")
	a.results = []check.Result{
		{ID: "login-member", Status: check.StatusPassed},
		{ID: "groups-claim", Status: check.StatusFailed, Got: "no claim groups", Wanted: "mlflow-users", Next: "in Keycloak, check the mapper"},
		{ID: "unsigned-token", Status: check.StatusNotRun, Reason: "needs groups-claim, which did not pass"},
		{ID: "identity-sync", Status: check.StatusNotRun, Reason: "could not run, its control failed: no answer"},
	}
	_, err := a.create(t, inputs)
	require.Error(t, err)
	// The engine's meaning of this error: the resource exists, and does not work.
	failed := initFailure(t, err)
	require.Equal(t, loginProofID, failed.GetId())
	said := strings.Join(failed.GetReasons(), "\n")
	require.Contains(t, said, "groups-claim failed: got no claim groups, wanted mlflow-users; next: in Keycloak, check the mapper")
	require.Contains(t, said, "did not pass: unsigned-token")
	require.Contains(t, said, "identity-sync not run: could not run, its control failed: no answer")
	require.Contains(t, said, "1 of 4 checks failed, 2 not run")
	require.NotContains(t, said, "login-member")
	require.NotContains(t, said, proofSecret)

	options := plugin.MarshalOptions{KeepSecrets: true}
	state, err := plugin.UnmarshalProperties(failed.GetProperties(), options)
	require.NoError(t, err)
	require.Equal(t, plugin.DiffSome, a.difference(t, state, inputs).Changes, "nothing has changed, and it is proved again")
	kept, err := plugin.UnmarshalProperties(failed.GetInputs(), options)
	require.NoError(t, err)
	require.True(t, kept[loginproof.Outputs].IsSecret())
}

func initFailure(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	converted, ok := rpcerror.FromError(err)
	require.True(t, ok)
	require.Len(t, converted.Details(), 1)
	failed, ok := converted.Details()[0].(*pulumirpc.ErrorResourceInitFailed)
	require.True(t, ok)
	return failed
}

func TestAReportWithoutAPassedCheckProvesNothing(t *testing.T) {
	for name, results := range map[string][]check.Result{
		"no check": nil,
		"none ran": {{ID: "users", Status: check.StatusNotRun, Reason: "interrupted"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newProof(t, false)
			a.results = results
			_, err := a.create(t, proofInputs(loginproof.OnChange, "1"))
			require.ErrorContains(t, err, "not proved")
		})
	}
}

func TestAHostWithoutDockerFailsTheUpdateAndNotThePreview(t *testing.T) {
	a := newProof(t, false)
	a.err = errors.New("Docker does not answer; start it")
	inputs := proofInputs(loginproof.OnChange, "1")
	made, err := a.Create(t.Context(), plugin.CreateRequest{Type: loginproof.TypeToken, Properties: inputs, Preview: true})
	require.NoError(t, err)
	_, err = a.Update(t.Context(), plugin.UpdateRequest{Type: loginproof.TypeToken, OldOutputs: made.Properties, NewInputs: inputs, Preview: true})
	require.NoError(t, err)
	require.Zero(t, a.proofs)
	_, err = a.create(t, inputs)
	require.ErrorContains(t, err, "start it")
	require.NotNil(t, initFailure(t, err), "an update without a proof is repeated, too")
}

func TestAPreviewWithAnUnknownTriggerAnnouncesALoginProof(t *testing.T) {
	a := newProof(t, false)
	state, err := a.create(t, proofInputs(loginproof.OnChange, "1"))
	require.NoError(t, err)
	for name, unknown := range map[string]resource.PropertyValue{
		"one":  resource.NewProperty(resource.PropertyMap{"realm": resource.MakeComputed(resource.NewProperty("")), "mlflow": resource.NewProperty("1")}),
		"none": resource.MakeComputed(resource.NewProperty("")),
	} {
		t.Run(name, func(t *testing.T) {
			inputs := proofInputs(loginproof.OnChange, "1")
			inputs[loginproof.Triggers] = unknown
			checked, err := a.Check(t.Context(), plugin.CheckRequest{Type: loginproof.TypeToken, News: inputs})
			require.NoError(t, err)
			require.Empty(t, checked.Failures)
			require.Equal(t, plugin.DiffSome, a.difference(t, state, inputs).Changes)
		})
	}
}

// The tool runs the checks itself, and `up --no-verify` skips them: neither shows a difference,
// until Pulumi itself is used.
func TestTheNextUpdateWithoutTheToolRunsADeferredProof(t *testing.T) {
	tool, pulumi := newProof(t, true), newProof(t, false)
	inputs := proofInputs(loginproof.Always, "1")
	state, err := tool.create(t, inputs)
	require.NoError(t, err)
	require.Equal(t, plugin.DiffNone, tool.difference(t, state, proofInputs(loginproof.Always, "2")).Changes)
	updated, err := tool.Update(t.Context(), plugin.UpdateRequest{Type: loginproof.TypeToken, OldOutputs: state, NewInputs: inputs})
	require.NoError(t, err)
	require.Equal(t, state, updated.Properties, "the state has the same shape")
	require.Zero(t, tool.proofs)
	require.Equal(t, plugin.DiffSome, pulumi.difference(t, state, proofInputs(loginproof.OnChange, "1")).Changes)
}

func TestAnInterruptEndsTheProof(t *testing.T) {
	a := newProof(t, false)
	began := make(chan struct{})
	a.proving.prove = func(ctx context.Context, _ outputs.Stack, _ func(string)) (check.Report, error) {
		close(began)
		<-ctx.Done()
		return check.Report{}, context.Cause(ctx)
	}
	go func() {
		<-began
		_ = a.SignalCancellation(context.Background())
		_ = a.SignalCancellation(context.Background())
	}()
	_, err := a.create(t, proofInputs(loginproof.OnChange, "1"))
	require.ErrorContains(t, err, "canceled")
}

func TestOneProofRunsAtATime(t *testing.T) {
	a := newProof(t, false)
	var running atomic.Int32
	a.proving.prove = func(context.Context, outputs.Stack, func(string)) (check.Report, error) {
		if running.Add(1) > 1 {
			return check.Report{}, errors.New("two at a time")
		}
		time.Sleep(10 * time.Millisecond)
		running.Add(-1)
		return check.Report{Checks: []check.Result{{ID: "users", Status: check.StatusPassed}}}, nil
	}
	a.say = func(context.Context, resource.URN, string) {}
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := a.Update(context.Background(), plugin.UpdateRequest{Type: loginproof.TypeToken, NewInputs: proofInputs(loginproof.OnChange, "1")})
			errs <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
}

func TestARefreshAndADeletionLeaveAProofAsItIs(t *testing.T) {
	a := newProof(t, false)
	inputs := proofInputs(loginproof.OnChange, "1")
	state, err := a.create(t, inputs)
	require.NoError(t, err)
	found, err := a.Read(t.Context(), plugin.ReadRequest{Type: loginproof.TypeToken, ID: loginProofID, Inputs: inputs, State: state})
	require.NoError(t, err)
	require.Equal(t, plugin.ReadResult{ID: loginProofID, Inputs: inputs, Outputs: state}, found.ReadResult)
	_, err = a.Delete(t.Context(), plugin.DeleteRequest{Type: loginproof.TypeToken, Inputs: inputs, Outputs: state})
	require.NoError(t, err)
	require.Equal(t, 1, a.proofs)
}

func TestEveryMistakeInTheInputsOfAProofIsReported(t *testing.T) {
	a := newProof(t, false)
	checked, err := a.Check(t.Context(), plugin.CheckRequest{Type: loginproof.TypeToken, News: resource.PropertyMap{
		loginproof.Mode: resource.NewProperty(loginproof.Never), loginproof.Outputs: resource.MakeSecret(resource.NewProperty(proofSecret)),
	}})
	require.NoError(t, err)
	require.Len(t, checked.Failures, 3)
	for _, failure := range checked.Failures {
		require.NotContains(t, failure.Reason, proofSecret)
	}
}
