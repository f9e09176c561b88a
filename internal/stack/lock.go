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
	for {
		held, err := s.lock()
		switch {
		case err != nil || held == nil:
			return err
		case held.Hostname != "" && held.Hostname != here:
			return fmt.Errorf("another update is running: process %d of %s on %s; wait for its end, or, if that machine is gone, run `pulumi cancel`",
				held.Pid, held.Username, held.Hostname)
		case !alive(held.Pid):
			step.Say("the update that held the lock is gone: unlocking")
			if err := s.pulumi.Cancel(ctx); err != nil {
				return Hinted("unlock", err, nil)
			}
			return nil
		}
		step.Say("waiting for another update of this stack, process %d, to end", held.Pid)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
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
