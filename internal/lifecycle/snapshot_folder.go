package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// backupUser is the user that writes snapshots, see images/backup.
const backupUser = 10073

// folderForSnapshots checks before an update that the folder for snapshots exists, and that the
// backup user can write to it.
func folderForSnapshots(s *stack.Stack) error {
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
	fix := fmt.Sprintf("run `install -d -o %d -g %[1]d -m 0700 %s`, best on another disk than Docker's", backupUser, set.Directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("backup.directory: folder %s does not exist: %s", set.Directory, fix)
	case err != nil:
		return fmt.Errorf("backup.directory: %w", err)
	case !found.IsDir() || owner != backupUser:
		return fmt.Errorf("backup.directory: %s belongs to user %d, want a folder of user %d, which writes the snapshots: %s", set.Directory, owner, backupUser, fix)
	}
	return nil
}
