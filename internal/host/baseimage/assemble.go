package baseimage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

// keyring contains Debian's signing keys.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// assemble creates a Debian system in an empty directory.
func assemble(ctx context.Context, s *progress.Step, dir string, from inputs) error {
	if _, err := os.Stat(keyring); err != nil {
		return fmt.Errorf("keys of the Debian archive: %w; install debian-archive-keyring", err)
	}
	s.Say("assembling Debian %s from %s", suite, apt.Mirror())
	err := private(ctx, s.Writer(), "", "debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","),
		"--keyring="+keyring, "--force-check-gpg", suite, dir, apt.Mirror())
	if err != nil {
		return fmt.Errorf("%w; is %s reachable, and does debian-archive-keyring here know %s?", err, apt.Mirror(), suite)
	}
	for name, content := range from.certificates {
		path := filepath.Join(dir, authorities, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	s.Say("trusting the authorities of this machine: %d", len(from.certificates))
	if err := private(ctx, s.Writer(), dir, "/usr/sbin/update-ca-certificates"); err != nil {
		return err
	}
	if err := secure(ctx, s, dir); err != nil {
		return err
	}
	return trim(dir)
}

// secure installs Debian's current security updates, and adds their suite for images that are
// built on this one. Apt accepts signed lists only.
func secure(ctx context.Context, s *progress.Step, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "etc/apt/sources.list"), []byte(sources(apt.Mirror(), apt.SecurityMirror())), 0o644); err != nil {
		return err
	}
	s.Say("adding the security updates from %s", apt.SecurityMirror())
	for _, arguments := range [][]string{
		{"--error-on=any", "update"},
		{"--yes", "--no-install-recommends", "upgrade"},
	} {
		if err := private(ctx, s.Writer(), dir, "/usr/bin/apt-get", append([]string{"--quiet"}, arguments...)...); err != nil {
			return fmt.Errorf("security updates: %w; is %s reachable, and does it have %s-security? Or set images.base to an image that Docker can pull",
				err, apt.SecurityMirror(), suite)
		}
	}
	return nil
}

// sources is apt's configuration in the image.
func sources(main, security string) string {
	return fmt.Sprintf("deb %s %s main\ndeb %s %s-security main\n", main, suite, security, suite)
}

// trim removes what belongs to this machine or can be downloaded again.
func trim(dir string) error {
	for _, pattern := range []string{
		"var/cache/apt/archives/*.deb", "var/cache/apt/*.bin", "var/lib/apt/lists/*",
		"var/log/*.log", "var/log/apt/*", "var/cache/ldconfig/*", "var/cache/debconf/*-old", "var/lib/dpkg/*-old",
		"etc/hostname", "etc/resolv.conf", // debootstrap copies them; Docker provides its own
	} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("trim the system: %w", err)
			}
		}
	}
	return nil
}

// private runs a program in its own mount namespace: its mounts under the directory disappear
// when it ends for any reason. With a root directory, the program sees nothing else.
func private(ctx context.Context, out io.Writer, root, program string, arguments ...string) error {
	command := apt.Command(ctx, program, arguments...)
	if root != "" {
		command.Path = program // its path inside
		command.Err = nil
		command.Dir = "/"
	}
	command.Stdout, command.Stderr = out, out
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Chroot: root}
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w", filepath.Base(program), err)
	}
	return nil
}
