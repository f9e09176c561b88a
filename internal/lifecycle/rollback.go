package lifecycle

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Rollback returns the stack to its state before the last upgrade; s has the settings from then.
// Data written since the upgrade is lost.
func Rollback(ctx context.Context, s *stack.Stack, step stack.Step, point *RollbackPoint) (stack.Changes, error) {
	r := &rollback{s: s, step: step, point: point}
	err := perform(ctx, r.actions())
	return r.changes, err
}

// rollback is one run of the workflow.
type rollback struct {
	s     *stack.Stack
	step  stack.Step
	point *RollbackPoint
	// reinstated reports that the cluster from before the upgrade was still in the volume.
	reinstated bool
	changes    stack.Changes
}

// actions are all steps of a rollback, in order.
func (r *rollback) actions() []Action {
	return []Action{
		{Name: "record that the stack is changing", Do: func(context.Context) error { return recordStage(r.s, r.point, Changing) }},
		{Name: "stop the containers", Do: func(ctx context.Context) error { return stopContainers(ctx, r.s, r.step) }},
		{Name: "reinstate the cluster from before the upgrade", Do: func(ctx context.Context) (err error) {
			r.reinstated, err = reinstateOldCluster(ctx, r.s)
			return err
		}},
		{Name: "load the last snapshot before the upgrade", When: func() bool { return !r.reinstated }, Do: func(ctx context.Context) error {
			return reloadDatabases(ctx, r.s, r.step, r.point.Snapshot, afterUpgrade)
		}},
		{Name: "deploy the previous versions", Do: func(ctx context.Context) (err error) {
			r.changes, err = Up(ctx, r.s, r.step, false)
			return err
		}},
		{Name: "record that the stack was rolled back", Do: func(context.Context) error { return recordStage(r.s, r.point, Back) }},
	}
}

// recordStage records the progress of an upgrade or a rollback.
func recordStage(s *stack.Stack, point *RollbackPoint, stage Stage) error {
	point.Stage = stage
	return writeRollbackPoint(s, point)
}
