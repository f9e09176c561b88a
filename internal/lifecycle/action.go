// Package lifecycle has the workflows that change a stack, one file each: up, destroy, restore,
// upgrade, rollback, the rehearsal of an upgrade and the proof of a snapshot; and those that only
// compare: drift and preview. A workflow that changes a stack is a list of named actions, which
// package stack and the packages below carry out. A [Session] opens stacks on this machine for
// them.
package lifecycle

import "context"

// Action is one step of a workflow.
type Action struct {
	// Name describes the step, such as "check ports, disk and folders".
	Name string
	// When reports whether the step is needed, evaluated just before it; nil means always.
	When func() bool
	// Do performs the step.
	Do func(ctx context.Context) error
}

// perform runs actions in order, up to the first failure.
func perform(ctx context.Context, actions []Action) error {
	for _, action := range actions {
		if action.When != nil && !action.When() {
			continue
		}
		if err := action.Do(ctx); err != nil {
			return err
		}
	}
	return nil
}
