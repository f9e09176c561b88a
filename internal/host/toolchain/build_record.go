package toolchain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// record describes what a part was built from; it is stored next to the part.
type record struct {
	// Inputs is a hash of the sources and build options, or identifies the vendor's archive.
	Inputs string
	// Go is the compiler's `go version`; empty if there is none here.
	Go string
	// Size is that of the built file in bytes.
	Size int64
}

// stale returns why the file at path must be built (again); empty if it need not. The absence of
// the compiler that built it on another machine is not a reason.
func (r record) stale(kept, path string) string {
	found, err := os.Stat(path)
	if err != nil {
		return "it is not there yet"
	}
	text, err := os.ReadFile(kept)
	if err != nil {
		return "its inputs are unknown"
	}
	var before record
	switch err := json.Unmarshal(text, &before); {
	case err != nil:
		return "its inputs are unknown"
	case strings.HasPrefix(before.Inputs, fromVendorInputs) != strings.HasPrefix(r.Inputs, fromVendorInputs):
		return "it is from another source"
	case before.Inputs != r.Inputs:
		return "its sources have changed"
	case r.Go != "" && before.Go != r.Go:
		return "it was built by " + before.Go
	case before.Size != found.Size():
		return "it is not what was built"
	}
	return ""
}

// write stores the record of the file at path.
func (r record) write(kept, path string) error {
	found, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check what was built: %w", err)
	}
	r.Size = found.Size()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return err
	}
	draft := kept + ".new"
	return errors.Join(os.WriteFile(draft, append(text, '\n'), 0o600), os.Rename(draft, kept))
}

// forget removes a record, if there is one.
func forget(kept string) error {
	if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// hashSources returns a hash of the go.mod, go.sum and Go files of a directory, without its
// tests, and of the build options.
func hashSources(dir string, how ...string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("sources of the toolchain: %w; is this a complete working copy?", err)
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q\n", how)
	for _, entry := range entries { // sorted by name
		name := entry.Name()
		source := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if entry.IsDir() || !source && name != "go.mod" && name != "go.sum" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("sources of the toolchain: %w", err)
		}
		_, _ = fmt.Fprintf(sum, "%q %x\n", name, sha256.Sum256(content))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
