// Package apt installs packages on a Debian machine and reads its configured mirrors.
package apt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrCannotInstall is wrapped if this machine or this user cannot install Debian packages; the
// error says which.
var ErrCannotInstall = errors.New("cannot install Debian packages here")

// adminPath is the path of administrators' programs, whatever PATH is.
const adminPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Installable returns nil if Install can work: apt-get exists and the user is root.
func Installable(packages ...string) error {
	wanted := strings.Join(packages, " ")
	if _, err := Find("apt-get"); err != nil {
		return fmt.Errorf("%w: there is no apt-get; install what your system calls %s yourself", ErrCannotInstall, wanted)
	}
	if user := os.Geteuid(); user != 0 {
		return fmt.Errorf("%w: this is user %d and not root; run this as root, or ask an administrator to run "+
			"`apt-get install --no-install-recommends %s`", ErrCannotInstall, user, wanted)
	}
	return nil
}

// Install installs packages from the configured mirrors, without recommended packages and without
// questions. apt-get's output goes to out. It waits for a concurrent apt-get for up to two
// minutes.
func Install(ctx context.Context, out io.Writer, packages ...string) error {
	if err := Installable(packages...); err != nil {
		return err
	}
	install := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	for _, arguments := range [][]string{{"update"}, install} {
		apt := Command(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=120"}, arguments...)...)
		apt.Env = append(apt.Env, "DEBIAN_FRONTEND=noninteractive")
		apt.Stdout, apt.Stderr = out, out
		if err := apt.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", strings.Join(arguments, " "), err)
		}
	}
	return nil
}

// Find searches for a program on PATH and then in administrators' folders.
func Find(program string) (string, error) {
	found, err := exec.LookPath(program)
	if err == nil {
		return found, nil
	}
	for dir := range strings.SplitSeq(adminPath, ":") {
		if found, err := exec.LookPath(dir + "/" + program); err == nil {
			return found, nil
		}
	}
	return "", err
}

// Command returns a command for a program found by Find, with a PATH for its helpers. It is
// interrupted when ctx ends, and killed ten seconds later.
func Command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	if found, err := Find(program); err == nil {
		program = found
	}
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "PATH="+path(os.Getenv("PATH")), "LC_ALL=C.UTF-8")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	return command
}

func path(given string) string {
	if given == "" {
		return adminPath
	}
	return given + ":" + adminPath
}
