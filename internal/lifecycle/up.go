package lifecycle

import (
	"context"

	"github.com/mlflow-sso/mlflow-sso/components/hostvolume"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/importer"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/reconcile"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/rotation"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Up creates the stack or updates it to its settings. It first cleans up after an interrupted
// update. With refresh, it also reverts manual changes. It also returns the changes with an
// error.
func Up(ctx context.Context, s *stack.Stack, step stack.Step, refresh bool) (stack.Changes, error) {
	return bringUp(ctx, s, step, UpOptions{Refresh: refresh})
}

func bringUp(ctx context.Context, s *stack.Stack, step stack.Step, options UpOptions) (stack.Changes, error) {
	u := &up{s: s, step: step, found: findings{requested: options.Refresh}, accept: options.AcceptVolumes, changes: stack.Changes{}}
	err := perform(ctx, u.actions())
	return u.changes, err
}

// up is one run of the workflow.
type up struct {
	s     *stack.Stack
	step  stack.Step
	found findings
	// accept accepts the volumes as they are.
	accept  bool
	plan    Plan
	changes stack.Changes
}

// actions are all steps of an update, in order.
func (u *up) actions() []Action {
	return []Action{
		{Name: "check ports, disk and folders", Do: func(ctx context.Context) error { return preflight(ctx, u.s) }},
		{Name: "compare the volumes of the state with those of the host", Do: u.compareVolumes},
		{Name: "clear up after an interrupted update", Do: u.recover},
		// Before anything is created or rotated: an update that a policy stops is half done.
		{Name: "check the policies", When: func() bool { return len(u.s.PolicyPacks) > 0 }, Do: func(ctx context.Context) error {
			return u.s.CheckPolicies(ctx, u.step)
		}},
		{Name: "reject generations that decrease", Do: func(ctx context.Context) error { return rotation.RejectDecrease(ctx, u.s) }},
		{Name: "probe external services", Do: u.probe},
		{Name: "detach volumes whose data is external now", Do: u.detach},
		{Name: "decide on the order", Do: u.decide},
		{Name: "update all but the realm", When: u.keycloakFirst, Do: u.updateKeycloak},
		{Name: "compare defences in the running Keycloak", When: u.keycloakFirst, Do: u.compareDefences},
		{Name: "import what Keycloak has", When: func() bool { return u.plan.Import }, Do: func(ctx context.Context) error {
			return importer.Import(ctx, u.s, u.step)
		}},
		{Name: "update everything", Do: u.counted(func(ctx context.Context) (stack.Changes, error) {
			return u.s.Update(ctx, u.step, stack.Everything, u.plan.Refresh)
		})},
		{Name: "wait until every container is ready", Do: func(ctx context.Context) error { return u.s.WaitReady(ctx, u.step) }},
		{Name: "invite users without a password", Do: func(ctx context.Context) error { return reconcile.Invitations(ctx, u.s, u.step) }},
		{Name: "save the settings of this update", Do: func(context.Context) error { return saveLastSettings(u.s) }},
	}
}

// counted adds the changes of an action to those of the workflow.
func (u *up) counted(do func(context.Context) (stack.Changes, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		changes, err := do(ctx)
		u.changes.Add(changes)
		return err
	}
}

func (u *up) keycloakFirst() bool { return u.plan.KeycloakFirst }

// compareVolumes refuses an update of a stack whose data is missing. If the volumes are accepted,
// the databases' content is recreated, or read from them.
func (u *up) compareVolumes(ctx context.Context) error {
	known, err := u.s.ReadSettledState(ctx, u.step)
	if err != nil {
		return err
	}
	found, err := compareVolumes(ctx, hostvolume.Docker{API: u.s.Docker.API()}, u.s.Config, known.Volumes())
	if err != nil || found.none() {
		return err
	}
	if !u.accept {
		return found.err()
	}
	u.found.requested = true
	return acceptVolumes(ctx, u.s, u.step, known, found)
}

func (u *up) recover(ctx context.Context) (err error) {
	u.found.recovery, err = recoverInterrupted(ctx, u.s, u.step)
	return err
}

func (u *up) probe(ctx context.Context) (err error) {
	u.found.externalKeycloak, err = external.Probe(ctx, u.s, u.step, u.found.known)
	return err
}

func (u *up) detach(ctx context.Context) error {
	detached, err := detachVolumes(ctx, u.s, u.found.known)
	u.found.databaseMoved = detached && u.s.Config.Postgres.External != nil
	return err
}

// decide makes the plan. Whether Keycloak accepts the secret in the state only matters if the
// update uses it.
func (u *up) decide(ctx context.Context) error {
	u.found.newUsers = reconcile.NewlyListed(u.s, u.found.known)
	if deployed, err := u.s.Outputs(ctx); err == nil { // otherwise nothing was deployed
		u.found.realmChanged = reconcile.DefencesDiffer(ctx, u.s, deployed)
		u.found.keysDiffer = reconcile.DataKeysDiffer(ctx, u.s, deployed)
	}
	if u.found.refresh() || u.found.newUsers {
		u.found.loginRefused = reconcile.LoginRefused(ctx, u.found.known)
	}
	u.plan = planUp(u.found)
	return nil
}

// compareDefences compares what could not be compared before Keycloak ran.
func (u *up) compareDefences(ctx context.Context) error {
	deployed, err := u.s.Outputs(ctx)
	u.plan.Refresh = u.plan.Refresh || err == nil && reconcile.DefencesDiffer(ctx, u.s, deployed)
	return nil
}

func (u *up) updateKeycloak(ctx context.Context) error {
	u.step.Say("Keycloak first, then its objects")
	changes, err := u.s.Update(ctx, u.step, stack.AllButRealm, u.plan.RefreshFirst)
	u.changes.Add(changes)
	return err
}
