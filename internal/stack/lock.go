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

// lock is what Pulumi writes for as long as an update runs.
type lock struct {
	Pid      int    `json:"pid"`
	Hostname string `json:"hostname"`
	Username string `json:"username"`
}

// lockPoll is how often the end of another update is looked for.
const lockPoll = time.Second

// unlock removes the lock of an update whose process is gone, and waits for one
// that still runs on this machine: a kill of this tool does not end it. Locks of
// other machines are reported.
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

// lock is who holds the stack; nil when nobody does, or when the state is not in
// a folder on this machine. One that was half written, when the disk filled up,
// locks as well and is nobody's.
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

// alive says whether a process exists and is a Pulumi: numbers are used again.
func alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err != nil || strings.HasPrefix(string(name), "pulumi")
}
