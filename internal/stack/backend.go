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

// backend is where Pulumi keeps the state: where the caller says, else a folder
// in the home directory. There Pulumi's storage library is configured not to keep
// attributes beside its files: it does not write these in one piece, and cannot
// read the state any more when it was killed in between.
func (s *Stack) backend() string {
	if s.backendURL != "" {
		return s.backendURL
	}
	if backend := os.Getenv("PULUMI_BACKEND_URL"); backend != "" {
		return backend
	}
	return "file://" + s.Home.State() + "?metadata=skip"
}

// StateFolder is the folder with the state; false where the state is in a remote backend.
func (s *Stack) StateFolder() (string, bool) {
	path, ok := strings.CutPrefix(s.backend(), "file://")
	path, _, _ = strings.Cut(path, "?")
	return path, ok && filepath.IsAbs(path)
}

// MightExist says whether the state has a stack of that name, as far as that can be
// distinguished without Pulumi: a state that is not in a folder on this machine may.
func MightExist(h datadir.Home, name string) bool {
	s := Stack{Options: Options{Home: h, Name: name}}
	folder, ok := s.StateFolder()
	if !ok {
		return true
	}
	found, err := filepath.Glob(filepath.Join(folder, ".pulumi", "stacks", "*", name+".json*"))
	return err != nil || len(found) > 0
}

// repairAttributes removes attributes that were cut off while they were written, in
// a state that a user keeps without the setting above. Nothing reads them but
// the library, which is content with none.
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

// OwnState says whether the state is the stack's own, and not the empty one of a preview.
func (s *Stack) OwnState() bool { return s.backendURL == "" }
