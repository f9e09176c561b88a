// Package lifecycle has the workflows that change a stack, one file each: up, destroy, restore,
// upgrade, rollback and the rehearsal of an upgrade, and those that only compare: drift and
// preview. A workflow is a list of named actions, which package stack carries out with Pulumi.
package lifecycle

import (
	"context"
	"errors"
)

// Action is one step of a workflow.
type Action struct {
	// Name says what the step does, such as "check ports, disk and folders".
	Name string
	// When says whether there is something to do; nil for always. It is asked when its turn comes.
	When func() bool
	// Do does it.
	Do func(ctx context.Context) error
	// Independent actions are done also when the independent ones before them, or the action
	// in front of those, have failed.
	Independent bool
}

// perform does actions in order. After a failure only independent ones that follow at once are
// done; the error has all failures.
func perform(ctx context.Context, actions []Action) error {
	var failed error
	for _, action := range actions {
		if failed != nil && !action.Independent {
			break
		}
		if action.When != nil && !action.When() {
			continue
		}
		failed = errors.Join(failed, action.Do(ctx))
	}
	return failed
}

// Names are the names of actions, in order.
func Names(actions []Action) []string {
	names := make([]string, 0, len(actions))
	for _, action := range actions {
		names = append(names, action.Name)
	}
	return names
}
