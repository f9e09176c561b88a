package lifecycle

import (
	"context"
	"errors"

	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/importer"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/reconcile"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/rotation"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Up brings the stack up, or to what its settings say now. What an earlier
// update that was cut off has left is cleared up first. With refresh, what
// somebody has changed by hand is set back, too.
func Up(ctx context.Context, s *stack.Stack, step stack.Step, refresh bool) (stack.Changes, error) {
	if err := preflight(ctx, s); err != nil {
		return nil, err
	}
	found, err := recoverInterrupted(ctx, s, step)
	if err != nil {
		return nil, err
	}
	if err := rotation.RejectDecrease(ctx, s); err != nil {
		return nil, err
	}
	elsewhere, err := external.Probe(ctx, s, step, found.known)
	if err != nil {
		return nil, err
	}
	released, err := detachVolumes(ctx, s, found.known)
	if err != nil {
		return nil, err
	}
	found.refresh = found.refresh || refresh
	total := stack.Changes{}
	done, err := rotation.RootSecret(ctx, s, step, found.known)
	if err != nil {
		return nil, err
	}
	total.Add(done)
	if err := rotation.ProviderClient(ctx, s, step); err != nil {
		return nil, err
	}
	inherits := found.behind && (found.kept || elsewhere)
	moved := released && s.Config.Postgres.External != nil
	listed := reconcile.NewlyListed(s, found.known)
	blind := false
	if found.refresh || listed {
		if blind, err = rotation.ProviderSecretOutdated(ctx, s); err != nil {
			return nil, err
		}
	}
	if inherits || moved || found.down || blind {
		// What is inside Keycloak can be compared with the state only once Keycloak answers,
		// and takes the secret with which the state asks. Who is told of what is in it waits, too.
		step.Say("Keycloak first, and then what is in it")
		if done, err = s.Update(ctx, step, stack.AllButRealm, found.refresh); err != nil {
			return nil, err
		}
		total.Add(done)
		found.refresh = refresh
		if err := rotation.ProviderClient(ctx, s, step); err != nil {
			return nil, err
		}
	}
	switch {
	case inherits:
		if err := importer.Import(ctx, s, step); err != nil {
			return nil, err
		}
	case listed:
		// Somebody may be in Keycloak already: a person whom an administrator has made
		// keeps password and place.
		if err := importer.Import(ctx, s, step); err != nil {
			return nil, err
		}
	case moved:
		// Keycloak has found another database: what the state has of its inside is
		// looked for there before it is believed.
		found.refresh = true
	}
	if done, err = s.Update(ctx, step, stack.Everything, found.refresh); err != nil {
		return nil, err
	}
	total.Add(done)
	if err := s.WaitReady(ctx, step); err != nil {
		return nil, err
	}
	done, err = reconcile.AdminRealm(ctx, s, step)
	total.Add(done)
	if err != nil {
		return total, err
	}
	done, err = reconcile.Users(ctx, s, step)
	total.Add(done)
	if err := errors.Join(err, rotation.APIKeys(ctx, s, step), reconcile.BackupKey(ctx, s, step)); err != nil {
		return total, err
	}
	return total, saveLastSettings(s)
}
