package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
)

// keeperUser is who writes snapshots, see images/backup.
const keeperUser = 10073

// folderForSnapshots finds out before an update whether there is the folder for
// snapshots, and whether who writes them may write there.
func (s *Stack) folderForSnapshots() error {
	set := s.Config.Backup
	if set == nil || set.S3 != nil {
		return nil
	}
	found, err := os.Stat(set.Directory)
	owner := -1
	if err == nil {
		if system, ok := found.Sys().(*syscall.Stat_t); ok {
			owner = int(system.Uid)
		}
	}
	mend := fmt.Sprintf("run `install -d -o %d -g %[1]d -m 0700 %s`, best on another disk than Docker's", keeperUser, set.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("backup.directory: there is no folder %s: %s", set.Directory, mend)
	case err != nil:
		return fmt.Errorf("backup.directory: %w", err)
	case !found.IsDir() || owner != keeperUser:
		return fmt.Errorf("backup.directory: %s is of user %d, want a folder of user %d, who writes the snapshots: %s", set.Directory, owner, keeperUser, mend)
	}
	return nil
}

// ensureBackupKey sees that the snapshots are opened by the key of now and by the recovery
// passphrase, and that they have the root secret, sealed.
func (s *Stack) ensureBackupKey(ctx context.Context, step Step) error {
	set := s.Config.Backup
	if set == nil {
		return nil
	}
	told, err := s.Outputs(ctx)
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
	if err := (backup.Client{Docker: s.Docker, Container: told.Backup.Container}).SetRecovery(ctx, recovery); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}
