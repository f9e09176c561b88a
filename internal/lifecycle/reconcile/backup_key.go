package reconcile

import (
	"context"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// BackupKey sees that the snapshots are opened by the key of now and by the recovery
// passphrase, and that they have the root secret, sealed.
func BackupKey(ctx context.Context, s *stack.Stack, step stack.Step) error {
	set := s.Config.Backup
	if set == nil {
		return nil
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	root, err := s.RootSecret(ctx)
	if err != nil {
		return err
	}
	keys, err := s.Keys(ctx)
	if err != nil {
		return err
	}
	now, err := keys.Current(credentials.BackupRepository)
	if err != nil {
		return err
	}
	before, err := keys.Previous(credentials.BackupRepository)
	if err != nil {
		return err
	}
	passphrase, err := set.RecoveryPassphraseFile.Read()
	if err != nil {
		return fmt.Errorf("backup.recoveryPassphraseFile: %w", err)
	}
	step.Say("seeing that the recovery passphrase opens the snapshots")
	recovery := backup.Recovery{Passphrase: passphrase, Root: root, Edition: keys.Version(credentials.BackupRepository)}
	for _, key := range before {
		// After a restore all root secrets are the snapshot's, and the key of before may be that of now.
		if key.Value != now.Value {
			recovery.Before = append(recovery.Before, key.Value)
		}
	}
	if err := (backup.Client{Docker: s.Docker, Container: deployed.Backup.Container}).SetRecovery(ctx, recovery); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}
