package baseimage

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	suite = "trixie"
	// authorities is the folder for certificates that an administrator adds on Debian.
	authorities = "/usr/local/share/ca-certificates"
	// recipe increases when assemble or load create something else from the same inputs.
	recipe = "2"
)

// packages are installed in addition to debootstrap's minbase.
var packages = []string{"ca-certificates"}

// inputs are an image's inputs, except for Debian's current packages.
type inputs struct {
	// certificates are the authorities to trust, by path under authorities.
	certificates map[string][]byte
}

// readInputs reads the .crt files under a directory, which need not exist.
func readInputs(dir string) (inputs, error) {
	found := inputs{certificates: map[string][]byte{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == dir {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".crt") {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found.certificates[name], err = os.ReadFile(path) // follows links
		return err
	})
	if err != nil {
		return inputs{}, fmt.Errorf("certificates that this machine trusts: %w", err)
	}
	return found, nil
}

func (i inputs) hash() string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q %q\n", recipe, suite, packages)
	for _, name := range slices.Sorted(maps.Keys(i.certificates)) {
		_, _ = fmt.Fprintf(sum, "%q %x\n", name, sha256.Sum256(i.certificates[name]))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
