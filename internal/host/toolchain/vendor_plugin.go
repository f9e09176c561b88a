package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	fromVendorPinned = "the vendor's archive, its SHA-256 is the pinned one"
	fromVendorTLS    = "the vendor's archive, protected by TLS alone: no SHA-256 is pinned"
)

// fromVendorInputs is the prefix of the inputs of what the vendor has built.
const fromVendorInputs = "vendor "

// vendorInputs returns the record's inputs for a plugin from the vendor. A checksum that is
// pinned later makes the plugin stale, so that nothing unverified stays.
func (b *builder) vendorInputs(p part) record {
	return record{Inputs: fromVendorInputs + p.version + " sha256:" + b.pinned(p)}
}

func (b *builder) pinned(p part) string { return b.checksums[checksumKey(p, thisPlatform())] }

func (b *builder) fromVendor(p part) string {
	if b.pinned(p) == "" {
		return fromVendorTLS
	}
	return fromVendorPinned
}

// download makes Pulumi install a plugin from the vendor, as for any Pulumi program. After an
// error no partial plugin remains.
func (b *builder) download(ctx context.Context, s *progress.Step, p part, into string) error {
	vendor := b.reachVendor(ctx)
	if vendor.plugins != nil {
		return vendor.plugins
	}
	if err := forget(b.recordOf(p)); err != nil {
		return err
	}
	s.Say("downloading")
	err := b.installFromVendor(ctx, s, p, vendor.server)
	if err == nil {
		err = checkVersion(ctx, p, into)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(filepath.Dir(into)))
	}
	return b.vendorInputs(p).write(b.recordOf(p), into)
}

// installFromVendor runs `pulumi plugin install`. An archive with a pinned checksum is first
// downloaded and verified with Pulumi's library: over HTTP/1.1, `--checksum` refuses the correct
// archive, because its sum omits bytes that arrive together with the end of the file.
func (b *builder) installFromVendor(ctx context.Context, s *progress.Step, p part, server string) error {
	within, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	var arguments []string
	if sum := b.pinned(p); sum != "" {
		archive, err := downloadPinned(within, s, p, server, sum)
		if err != nil {
			return err
		}
		defer func() { _ = os.Remove(archive) }()
		arguments = []string{"--file", archive}
	} else if server != "" {
		arguments = []string{"--server", server}
	}
	var said bytes.Buffer
	install := b.pluginInstall(within, s, p, arguments...)
	install.Stderr = io.MultiWriter(install.Stderr, &said)
	if err := install.Run(); err != nil {
		return fmt.Errorf("pulumi plugin install: %w: %s", err, lastError(said.String()))
	}
	return nil
}

// pluginInstall returns the command that installs a plugin.
func (b *builder) pluginInstall(ctx context.Context, s *progress.Step, p part, arguments ...string) *exec.Cmd {
	command := b.command(ctx, b.home.Toolchain(), filepath.Join(b.home.Bin(), pulumi.program),
		append([]string{"plugin", "install", "resource", p.plugin, p.version, "--reinstall"}, arguments...)...)
	command.Stdout, command.Stderr = s.Writer(), s.Writer()
	return command
}

// downloadPinned returns a file with the archive of a plugin that matches the checksum.
func downloadPinned(ctx context.Context, s *progress.Step, p part, server, sum string) (path string, err error) {
	plugin, err := p.descriptor(server)
	if err != nil {
		return "", err
	}
	archive, err := workspace.DownloadToFile(ctx, plugin, func(stream io.ReadCloser, size int64) io.ReadCloser {
		counted := &counter{step: s, total: size}
		return struct {
			io.Reader
			io.Closer
		}{io.TeeReader(stream, counted), stream}
	}, nil)
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, archive.Close()); err != nil {
			_ = os.Remove(archive.Name())
		}
	}()
	digest := sha256.New()
	if _, err := io.Copy(digest, archive); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != sum {
		return "", fmt.Errorf("the vendor's archive of plugin %s %s has SHA-256 %s, want the pinned %s", p.plugin, p.version, got, sum)
	}
	return archive.Name(), nil
}

// descriptor returns a plugin for Pulumi's library, from a server or, if that is empty, from
// Pulumi's default.
func (p part) descriptor(server string) (workspace.PluginDescriptor, error) {
	version, err := semver.Parse(p.version)
	return workspace.PluginDescriptor{
		Name: p.plugin, Kind: apitype.ResourcePlugin, Version: &version, PluginDownloadURL: server,
	}, err
}

// lastError returns Pulumi's own error from its output.
func lastError(said string) string {
	found := ""
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "error: ") || found == "" && line != "" {
			found = line
		}
	}
	return strings.TrimPrefix(found, "error: ")
}

// oneLine returns an error on one line, for progress.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
