// Package datadir manages the directory of the toolchain, the state of the stacks and the
// passphrase that encrypts their secrets. Only its owner can access what it creates there (0700,
// 0600).
//
// It is $MLFLOW_SSO_HOME if that is set, else mlflow-sso under $XDG_DATA_HOME, else
// .local/share/mlflow-sso under the user's home, which comes from the passwd file if HOME is
// unset.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
)

// Variable names the environment variable that overrides the directory.
const Variable = "MLFLOW_SSO_HOME"

// Home is the directory, existing and absolute. Use Open to get one.
type Home struct{ dir string }

// Open finds the directory, and creates it with what every command needs.
func Open() (Home, error) {
	dir, err := locate(os.Getenv, passwdHome)
	if err != nil {
		return Home{}, err
	}
	return At(dir)
}

// Existing is the directory if it exists already; nothing is made or changed.
func Existing() (Home, bool) {
	dir, err := locate(os.Getenv, passwdHome)
	if err != nil || !filepath.IsAbs(dir) {
		return Home{}, false
	}
	found, err := os.Stat(dir)
	return Home{dir: filepath.Clean(dir)}, err == nil && found.IsDir()
}

// Place is where the directory is, or would be; empty where there is no place for it.
func Place() string {
	dir, err := locate(os.Getenv, passwdHome)
	if err != nil {
		return ""
	}
	return dir
}

// At is Open for a given directory.
func At(dir string) (Home, error) {
	if !filepath.IsAbs(dir) {
		return Home{}, fmt.Errorf("home directory %q is relative; set %s to an absolute path", dir, Variable)
	}
	h := Home{dir: filepath.Clean(dir)}
	if err := makeTop(h.dir); err != nil {
		return Home{}, fmt.Errorf("home directory: %w, or set %s to another path%s", err, Variable, ofAnotherAccount(h.dir, err))
	}
	for _, private := range []string{h.Toolchain(), h.Bin(), h.Pulumi(), h.State(), h.Stacks()} {
		if err := makePrivate(private); err != nil {
			return Home{}, fmt.Errorf("home directory: %w; make it writable or set %s to another path%s", err, Variable, ofAnotherAccount(h.dir, err))
		}
	}
	return h, nil
}

// makeTop creates the directory itself. An existing one keeps its mode, since it may serve other
// purposes, but other users must not be able to write to it.
func makeTop(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w; make it writable", err)
	}
	found, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := found.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s has mode %04o, so other users can write to it; run chmod go-w on it", dir, mode)
	}
	return nil
}

// makePrivate creates a directory of this tool, and restricts an existing one to its owner.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	found, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if found.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(dir, 0o700)
}

// locate implements the order in the package comment. The XDG specification says to ignore a
// relative XDG_DATA_HOME.
func locate(env func(string) string, passwd func() (string, error)) (string, error) {
	if dir := env(Variable); dir != "" {
		return dir, nil
	}
	if data := env("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "mlflow-sso"), nil
	}
	base := env("HOME")
	if base == "" {
		var err error
		if base, err = passwd(); err != nil {
			return "", fmt.Errorf("no home directory: HOME is unset and %w; set %s to an absolute path", err, Variable)
		}
	}
	return filepath.Join(base, ".local", "share", "mlflow-sso"), nil
}

func passwdHome() (string, error) {
	who, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("the user's passwd entry cannot be read: %w", err)
	}
	if who.HomeDir == "" {
		return "", errors.New("the user's passwd entry has none")
	}
	return who.HomeDir, nil
}

// Dir is the home directory itself.
func (h Home) Dir() string { return h.dir }

// Toolchain contains what is installed for the stacks: programs, plugins, builds.
func (h Home) Toolchain() string { return filepath.Join(h.dir, "toolchain") }

// Bin contains the programs of the toolchain.
func (h Home) Bin() string { return filepath.Join(h.Toolchain(), "bin") }

// Pulumi is the toolchain's PULUMI_HOME with its plugins.
func (h Home) Pulumi() string { return filepath.Join(h.Toolchain(), "pulumi") }

// State contains the state of the stacks, in the format of Pulumi's file backend.
func (h Home) State() string { return filepath.Join(h.dir, "state") }

// Stacks contains one directory for each stack, see Stack.
func (h Home) Stacks() string { return filepath.Join(h.dir, "stacks") }

// Stack returns the path for a stack's copy of the project. It does not create it.
func (h Home) Stack(name string) string { return filepath.Join(h.Stacks(), name) }
