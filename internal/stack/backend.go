package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
)

// backend is the location of Pulumi's state: the caller's, else a folder in the home directory.
// The latter disables attribute files of Pulumi's storage library: it does not write these
// atomically, and cannot read the state after a kill in between.
func (s *Stack) backend() string {
	if s.backendURL != "" {
		return s.backendURL
	}
	if backend := os.Getenv("PULUMI_BACKEND_URL"); backend != "" {
		return backend
	}
	return "file://" + s.Home.State() + "?metadata=skip"
}

// StateFolder returns the folder with the state; false if the state is in a remote backend.
func (s *Stack) StateFolder() (string, bool) {
	path, ok := strings.CutPrefix(s.backend(), "file://")
	path, _, _ = strings.Cut(path, "?")
	return path, ok && filepath.IsAbs(path)
}

// MightExist reports whether the state has a stack of that name, as far as that is known without
// Pulumi: a state that is not in a folder on this machine may.
func MightExist(h datadir.Home, name string) bool {
	s := Stack{Options: Options{Home: h, Name: name}}
	folder, ok := s.StateFolder()
	if !ok {
		return true
	}
	found, err := filepath.Glob(filepath.Join(folder, ".pulumi", "stacks", "*", name+".json*"))
	return err != nil || len(found) > 0
}

// repairAttributes removes truncated attribute files, in a state that is used without the setting
// above. Only the library reads them, and it does not need them.
func (s *Stack) repairAttributes() error {
	folder, ok := s.StateFolder()
	if !ok {
		return nil
	}
	var errs []error
	for _, pattern := range []string{
		filepath.Join(folder, ".pulumi", "stacks", "*", s.Name+".json*.attrs"),
		filepath.Join(folder, ".pulumi", "locks", "organization", "*", s.Name, "*.attrs"),
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("state: %w", err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err == nil && !json.Valid(content) {
				err = os.Remove(path)
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("state: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// OwnState reports whether the state is the stack's own, and not the empty one of a preview.
func (s *Stack) OwnState() bool { return s.backendURL == "" }
