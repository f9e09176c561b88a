package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// Restore restores a snapshot into a stack, see [Restore], and runs more steps on the stack then.
func (n *Session) Restore(ctx context.Context, which Selection, options RestoreOptions,
	more ...func(context.Context, *stack.Stack) error,
) (done RestoreResult, deployed outputs.Stack, err error) {
	err = n.Do(ctx, which, "restore of stack "+which.Name, func(ctx context.Context, step *progress.Step, s *stack.Stack) error {
		var err error
		if done, err = Restore(ctx, s, step, options); err != nil {
			return err
		}
		step.Say("%d rows of %d tables and %d artifacts are as the snapshot says", done.Rows, done.Tables, done.Artifacts)
		if deployed, err = s.Outputs(ctx); err != nil {
			return err
		}
		for _, do := range more {
			if err := do(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	return done, deployed, err
}

// ProveSnapshot restores the newest snapshot into a temporary stack, verifies the logins there,
// and records the result.
func (n *Session) ProveSnapshot(ctx context.Context, which Selection) (proof backup.Proof, err error) {
	began := time.Now()
	deployed, err := Outputs(ctx, which)
	if err != nil {
		return proof, err
	}
	if err := requireBackup(which, deployed, "run `mlflow-sso up "+which.Flags()+"`"); err != nil {
		return proof, err
	}
	done, err := n.inCopy(ctx, which, RestoreOptions{Of: deployed.Deployment, Snapshot: "latest"})
	if err != nil {
		return proof, err
	}
	proof = backup.Proof{
		At: time.Now().Unix(), Snapshot: done.Snapshot, Taken: done.Taken.Unix(), Tables: done.Tables, Rows: done.Rows,
		Artifacts: done.Artifacts, Seconds: int64(time.Since(began).Seconds()),
	}
	// The stack may have changed meanwhile.
	if deployed, err = Outputs(ctx, which); err != nil {
		return proof, err
	}
	err = WithBackup(ctx, which, deployed, func(client backup.Client) error {
		return n.log().Step(ctx, "remembering the proof", func(ctx context.Context, _ *progress.Step) error {
			return client.RecordProof(ctx, proof)
		})
	})
	return proof, err
}

// inCopy restores a snapshot into a temporary stack, verifies the logins there, and removes the
// stack. The caller may add steps before the logins.
func (n *Session) inCopy(ctx context.Context, which Selection, options RestoreOptions,
	more ...func(context.Context, *stack.Stack) error,
) (done RestoreResult, err error) {
	from, err := which.program()
	if err != nil {
		return done, err
	}
	folder, err := os.MkdirTemp("", "mlflow-sso-proof-")
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	copied := Selection{Name: which.Name + "-proof"}
	if copied.File, err = RehearsalFile(from.Repository, which.Name, from.File, folder); err != nil {
		return done, err
	}
	// A temporary stack of a killed run is in the way.
	if err := n.Destroy(ctx, copied, true); err != nil {
		return done, err
	}
	defer func() {
		if gone := n.Destroy(context.WithoutCancel(ctx), copied, true); gone != nil {
			err = errors.Join(err, fmt.Errorf("the temporary stack could not be removed: %w; the next `mlflow-sso backup verify` removes it", gone))
		}
	}()
	done, restored, err := n.Restore(ctx, copied, options, more...)
	if err != nil {
		return done, err
	}
	return done, n.Verify(ctx, restored, true)
}
