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
	// proofTimeout limits a proof. It takes half a minute, or minutes on a busy machine.
	proofTimeout = 20 * time.Minute
	// readyTimeout limits the wait for containers that a user has just started. Checks name those
	// that are not ready then.
	readyTimeout = 2 * time.Minute
)

// loginProofs proves that the logins of a stack work. The state contains the triggers of the last
// proof: a proof is outdated as soon as something has changed, for whatever reason it was
// skipped.
type loginProofs struct {
	// deferred leaves the proof to the tool, which drives Pulumi: then nothing is ever outdated.
	deferred bool
	// prove runs the checks; progress reports what it waits for.
	prove func(ctx context.Context, stack outputs.Stack, progress func(string)) (check.Report, error)

	// one is held by the running proof: two concurrent ones would end each other's sessions.
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

var (
	_ kind    = (*loginProofs)(nil)
	_ differ  = (*loginProofs)(nil)
	_ planner = (*loginProofs)(nil)
	_ patient = (*loginProofs)(nil)
)

func (*loginProofs) needs() need { return nothing }

func (*loginProofs) limit() time.Duration { return proofTimeout }

func (*loginProofs) identity(resource.PropertyMap) string { return loginProofID }

func (*loginProofs) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{loginproof.Mode, loginproof.Outputs, loginproof.Triggers}
}

func (p *loginProofs) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	var failures []plugin.CheckFailure
	if mode := text(inputs, loginproof.Mode); mode == loginproof.Never || !slices.Contains(loginproof.Modes(), mode) {
		failures = append(failures, plugin.CheckFailure{
			Property: loginproof.Mode, Reason: fmt.Sprintf("is %q, want %s or %s", mode, loginproof.OnChange, loginproof.Always),
		})
	}
	if _, err := stackOf(inputs); err != nil {
		failures = append(failures, plugin.CheckFailure{Property: loginproof.Outputs, Reason: err.Error()})
	}
	if len(members(inputs[loginproof.Triggers])) == 0 {
		failures = append(failures, plugin.CheckFailure{Property: loginproof.Triggers, Reason: "is empty, want a digest at least"})
	}
	return inputs, failures
}

// read changes nothing: there is nothing to compare a proof with.
func (*loginProofs) read(_ context.Context, _ target, known recorded) (*recorded, error) {
	return &known, nil
}

// stackOf returns the stack's outputs. An error does not repeat them.
func stackOf(inputs resource.PropertyMap) (stack outputs.Stack, err error) {
	if json.Unmarshal([]byte(text(inputs, loginproof.Outputs)), &stack) != nil || stack.Deployment == "" || stack.MLflow.URL == "" {
		return stack, errors.New("is not what a stack outputs, want its outputs as JSON")
	}
	return stack, nil
}

// members returns the members of an object, which may be a secret.
func members(value resource.PropertyValue) resource.PropertyMap {
	if value = plain(value); value.IsObject() {
		return value.ObjectValue()
	}
	return nil
}

// diff reports that a proof is outdated, and what has changed.
func (p *loginProofs) diff(r plugin.DiffRequest, say func(string)) plugin.DiffResponse {
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
		say("every update proves the logins, since the setting `proof` is " + loginproof.Always)
		return outdated(loginproof.Mode)
	}
	return none
}

// outdated reports whether these inputs need a new proof.
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

func (*loginProofs) plan(inputs resource.PropertyMap) resource.PropertyMap {
	return resource.PropertyMap{loginproof.Proved: inputs[loginproof.Triggers]}
}

// set proves the logins, unless that is deferred, and returns the state. After an error the state
// contains no proof, so the next update proves again even if nothing changes.
func (p *loginProofs) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	none := resource.PropertyMap{loginproof.Proved: resource.NewProperty(resource.PropertyMap{})}
	if p.deferred {
		return none, nil
	}
	if reasons := p.faults(ctx, at, c.inputs); len(reasons) > 0 {
		return nil, notProved(none, c.inputs, reasons)
	}
	return p.plan(c.inputs), nil
}

// notProved is the error for a resource that exists and does not work.
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

// faults returns why the logins are not proved; none if they are.
func (p *loginProofs) faults(ctx context.Context, at target, inputs resource.PropertyMap) []string {
	stack, err := stackOf(inputs)
	if err != nil {
		return []string{fmt.Sprintf("%s %s", loginproof.Outputs, err)}
	}
	p.one.Lock()
	defer p.one.Unlock()
	within, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-p.cancelled:
			stop()
		case <-within.Done():
		}
	}()
	done, err := p.prove(within, stack, at.progress)
	if err != nil {
		return []string{fmt.Sprintf("the logins of %s could not be proved: %v", stack.Deployment, err)}
	}
	if !done.OK() {
		return faultsOf(done)
	}
	at.say(fmt.Sprintf("the logins are proved: %d checks passed in %.0f s", len(done.Checks), done.Took.Seconds()))
	return nil
}

// faultsOf returns the texts of failed checks, and their consequence for the update.
func faultsOf(done check.Report) (reasons []string) {
	failed, left := done.With(check.StatusFailed), done.With(check.StatusNotRun)
	var follow []string
	for _, c := range slices.Concat(failed, left) {
		if c.Follows() {
			follow = append(follow, string(c.ID))
			continue
		}
		reasons = append(reasons, c.Text())
	}
	if len(follow) > 0 {
		reasons = append(reasons, "not run, since they need checks that did not pass: "+strings.Join(follow, ", "))
	}
	return append(reasons, fmt.Sprintf("the logins are not proved: %d of %d checks failed, %d not run. Everything that the update created stays, and the next `pulumi up` proves again",
		len(failed), len(done.Checks), len(left)))
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

// waitReady waits for containers that were only started, which Pulumi does not wait for.
func waitReady(ctx context.Context, docker *engine.Engine, stack outputs.Stack, progress func(string)) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, name := range stack.Containers() {
		err := docker.WaitReady(ctx, name, func(state engine.State) {
			progress(state.Waiting(name))
		})
		if err != nil {
			progress(fmt.Sprintf("not waiting for container %s: %v", name, err))
		}
	}
}
