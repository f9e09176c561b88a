package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// lock is Pulumi's lock file of a running update.
type lock struct {
	Pid      int    `json:"pid"`
	Hostname string `json:"hostname"`
	Username string `json:"username"`
}

// lockPoll is the interval of checks for the end of another update.
const lockPoll = time.Second

// unlock removes the lock of an update whose process has ended, and waits for one that still runs
// on this machine: killing this tool does not end it. It reports locks of other machines.
func (s *Stack) unlock(ctx context.Context, step Step) error {
	here, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	return poll.Until(ctx, lockPoll, 0, func(ctx context.Context) (bool, error) {
		held, err := s.lock()
		switch {
		case err != nil || held == nil:
			return true, err
		case held.Hostname != "" && held.Hostname != here:
			return false, fmt.Errorf("another update is running: process %d of %s on %s; wait until it ends, or, if that machine no longer exists, run `pulumi cancel`",
				held.Pid, held.Username, held.Hostname)
		case !alive(held.Pid):
			step.Say("the update that held the lock has ended: unlocking")
			if err := s.pulumi.Cancel(ctx); err != nil {
				return false, Hinted("unlock", err, nil)
			}
			return true, nil
		}
		step.Say("waiting for another update of this stack, process %d, to end", held.Pid)
		return false, nil
	})
}

// lock returns the holder of the stack's lock; nil if there is none, or if the state is not in a
// folder on this machine. A truncated lock, after a full disk, also blocks and has no holder.
func (s *Stack) lock() (*lock, error) {
	folder, ok := s.StateFolder()
	if !ok {
		return nil, nil
	}
	paths, err := filepath.Glob(filepath.Join(folder, ".pulumi", "locks", "organization", "*", s.Name, "*.json"))
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	content, err := os.ReadFile(paths[0])
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	var held lock
	_ = json.Unmarshal(content, &held)
	return &held, nil
}

// alive reports whether a process exists and is Pulumi: process IDs are reused.
func alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err != nil || strings.HasPrefix(string(name), "pulumi")
}
