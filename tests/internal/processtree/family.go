// Package processtree finds a process with all its descendants, so that a test can kill them
// together.
package processtree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Of returns a process and all its descendants, itself first.
func Of(pid int) ([]int, error) {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		// The name, in parentheses, may contain anything.
		rest := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		parent, err := strconv.Atoi(rest[1])
		if err != nil {
			return nil, fmt.Errorf("parent of process %d: %w", id, err)
		}
		children[parent] = append(children[parent], id)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// Kill kills a process and all its descendants, and returns their number.
func Kill(pid int) (int, error) {
	all, err := Of(pid)
	if err != nil {
		return 0, err
	}
	for _, one := range all {
		_ = syscall.Kill(one, syscall.SIGKILL) // it has ended by itself
	}
	return len(all), nil
}
