package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"

	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

const (
	loginProofID = "login-proof"
	// proofTimeout bounds a proof. It takes half a minute, or minutes on a busy machine.
	proofTimeout = 20 * time.Minute
	// readyTimeout bounds the wait for containers that a user has just started. Checks name
	// those that are not ready then.
	readyTimeout = 2 * time.Minute
)

// loginProofs proves that the logins of a stack work. The state keeps the triggers of the last
// proof, and not whether there was one: what is compared with them is outdated as soon as
// something has changed, whoever left a proof out.
type loginProofs struct {
	// deferred leaves the proof to the tool, which drives Pulumi: nothing is ever outdated.
	deferred bool
	// prove runs the checks; progress says what it waits for.
	prove func(ctx context.Context, stack outputs.Stack, progress func(string)) (check.Report, error)
	// say reports for good, progress until the next report.
	say, progress func(context.Context, resource.URN, string)

	// one is held by the proof that runs: two would end each other's sessions.
	one sync.Mutex
	// cancelled is closed when Pulumi is interrupted.
	cancelled chan struct{}
	cancel    func()
}

func newLoginProofs(deferred bool) *loginProofs {
	p := &loginProofs{deferred: deferred, prove: proveLogins, cancelled: make(chan struct{})}
	p.cancel = sync.OnceFunc(func() { close(p.cancelled) })
	return p
}

func (p *loginProofs) check(r plugin.CheckRequest) plugin.CheckResponse {
	checked := plugin.CheckResponse{Properties: r.News}
	if r.News.ContainsUnknowns() {
		return checked
	}
	if mode := text(r.News, loginproof.Mode); mode == loginproof.Never || !slices.Contains(loginproof.Modes(), mode) {
		checked.Failures = append(checked.Failures, plugin.CheckFailure{
			Property: loginproof.Mode, Reason: fmt.Sprintf("is %q, want %s or %s", mode, loginproof.OnChange, loginproof.Always),
		})
	}
	if _, err := stackOf(r.News); err != nil {
		checked.Failures = append(checked.Failures, plugin.CheckFailure{Property: loginproof.Outputs, Reason: err.Error()})
	}
	if len(members(r.News[loginproof.Triggers])) == 0 {
		checked.Failures = append(checked.Failures, plugin.CheckFailure{Property: loginproof.Triggers, Reason: "is empty, want a digest at least"})
	}
	return checked
}

// stackOf are the stack's outputs. An error does not repeat them.
func stackOf(inputs resource.PropertyMap) (stack outputs.Stack, err error) {
	if json.Unmarshal([]byte(text(inputs, loginproof.Outputs)), &stack) != nil || stack.Deployment == "" || stack.MLflow.URL == "" {
		return stack, errors.New("is not what a stack outputs, want its outputs as JSON")
	}
	return stack, nil
}

// members are those of an object, which may be a secret.
func members(value resource.PropertyValue) resource.PropertyMap {
	if value = plain(value); value.IsObject() {
		return value.ObjectValue()
	}
	return nil
}

// diff says that a proof is outdated, and by what.
func (p *loginProofs) diff(ctx context.Context, r plugin.DiffRequest) plugin.DiffResponse {
	none := plugin.DiffResult{Changes: plugin.DiffNone}
	if p.deferred {
		return none
	}
	triggers := plain(r.NewInputs[loginproof.Triggers])
	if !triggers.IsObject() { // a preview that knows none of them
		return outdated(loginproof.Triggers)
	}
	var by []string
	for _, name := range compared(members(r.OldOutputs[loginproof.Proved]), triggers.ObjectValue(), nil).ChangedKeys {
		by = append(by, string(loginproof.Triggers+"."+name))
	}
	switch {
	case len(by) > 0:
		return outdated(by...)
	case text(r.NewInputs, loginproof.Mode) == loginproof.Always:
		p.say(ctx, r.URN, "every update proves the logins, since the setting `proof` is "+loginproof.Always)
		return outdated(loginproof.Mode)
	}
	return none
}

// outdated says that these inputs have another proof made.
func outdated(paths ...string) plugin.DiffResult {
	result := plugin.DiffResult{Changes: plugin.DiffSome, DetailedDiff: map[string]plugin.PropertyDiff{}}
	for _, path := range paths {
		top, _, _ := strings.Cut(path, ".")
		if key := resource.PropertyKey(top); !slices.Contains(result.ChangedKeys, key) {
			result.ChangedKeys = append(result.ChangedKeys, key)
		}
		result.DetailedDiff[path] = plugin.PropertyDiff{Kind: plugin.DiffUpdate, InputDiff: true}
	}
	return result
}

// set proves the logins, unless that is left to others, and returns the state. With an error the
// state has no proof, so the next update proves again although nothing changes.
func (p *loginProofs) set(ctx context.Context, urn resource.URN, inputs resource.PropertyMap, preview bool) (resource.PropertyMap, error) {
	proved := resource.PropertyMap{loginproof.Proved: inputs[loginproof.Triggers]}
	none := resource.PropertyMap{loginproof.Proved: resource.NewProperty(resource.PropertyMap{})}
	switch {
	case preview:
		return proved, nil
	case p.deferred:
		return none, nil
	}
	if reasons := p.faults(ctx, urn, inputs); len(reasons) > 0 {
		return nil, notProved(none, inputs, reasons)
	}
	return proved, nil
}

// notProved is the error for a resource that is there and does not work.
func notProved(state, inputs resource.PropertyMap, reasons []string) error {
	options := plugin.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, KeepResources: true}
	live, err := plugin.MarshalProperties(state, options)
	if err != nil {
		return err
	}
	wanted, err := plugin.MarshalProperties(inputs, options)
	if err != nil {
		return err
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, strings.Join(reasons, "\n")),
		&pulumirpc.ErrorResourceInitFailed{Id: loginProofID, Properties: live, Inputs: wanted, Reasons: reasons})
}

// faults are why the logins are not proved; none if they are.
func (p *loginProofs) faults(ctx context.Context, urn resource.URN, inputs resource.PropertyMap) []string {
	stack, err := stackOf(inputs)
	if err != nil {
		return []string{fmt.Sprintf("%s %s", loginproof.Outputs, err)}
	}
	p.one.Lock()
	defer p.one.Unlock()
	within, stop := context.WithTimeout(ctx, proofTimeout)
	defer stop()
	go func() {
		select {
		case <-p.cancelled:
			stop()
		case <-within.Done():
		}
	}()
	done, err := p.prove(within, stack, func(text string) { p.progress(ctx, urn, text) })
	if err != nil {
		return []string{fmt.Sprintf("the logins of %s could not be proved: %v", stack.Deployment, err)}
	}
	if !done.OK() {
		return faultsOf(done)
	}
	p.say(ctx, urn, fmt.Sprintf("the logins are proved: %d checks passed in %.0f s", len(done.Checks), done.Took.Seconds()))
	return nil
}

// faultsOf are the checks that failed in their own words, and what that means for the update.
func faultsOf(done check.Report) (reasons []string) {
	failed, waiting := done.With(check.StatusFailed), done.With(check.StatusNotRun)
	for _, c := range failed {
		reasons = append(reasons, c.Text())
	}
	var left []string
	for _, c := range waiting {
		left = append(left, c.Text())
	}
	if len(left) > 0 {
		reasons = append(reasons, strings.Join(left, "\n"))
	}
	return append(reasons, fmt.Sprintf("the logins are not proved: %d of %d checks failed, %d not run. What the update has made stays, and the next `pulumi up` proves again",
		len(failed), len(done.Checks), len(waiting)))
}

// proveLogins runs the checks of `verify`, once every container is ready.
func proveLogins(ctx context.Context, stack outputs.Stack, progress func(string)) (done check.Report, err error) {
	docker, err := engine.Open(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	waitReady(ctx, docker, stack, progress)
	ended, of := 0, len(login.Suite(stack, docker).Checks)
	return login.Run(ctx, stack, docker, check.Observer{
		Ended: func(c check.Result) {
			ended++
			progress(fmt.Sprintf("%d of %d checks: %s %s", ended, of, c.ID, c.Status))
		},
		Slow: func(id check.ID, ran time.Duration) {
			progress(fmt.Sprintf("waiting for check %s, which has been running for %s", id, ran.Round(time.Second)))
		},
	}), nil
}

// waitReady gives containers that were only started, which Pulumi does not wait for, their time.
func waitReady(ctx context.Context, docker *engine.Engine, stack outputs.Stack, progress func(string)) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, name := range stack.Containers() {
		err := docker.WaitReady(ctx, name, func(state engine.State) {
			progress(fmt.Sprintf("waiting for container %s, which is %s %s", name, state.Status, state.Health))
		})
		if err != nil {
			progress(fmt.Sprintf("not waiting for container %s: %v", name, err))
		}
	}
}
