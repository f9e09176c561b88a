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

// fromVendorInputs begins the inputs of what the vendor has built.
const fromVendorInputs = "vendor "

// vendorInputs are what the record of a plugin from the vendor says. A checksum that is pinned
// later makes it stale, so that nothing unchecked stays.
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

// download has Pulumi install a plugin of the vendor, as any Pulumi program would. An error
// leaves no plugin behind, unless nothing was tried.
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

// installFromVendor is `pulumi plugin install`. An archive whose checksum is pinned is downloaded
// by Pulumi's library and checked first: over HTTP/1.1, `--checksum` refuses the right archive,
// because it leaves bytes out of the sum that arrive together with the end of the file.
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

// pluginInstall is the command that has Pulumi install a plugin.
func (b *builder) pluginInstall(ctx context.Context, s *progress.Step, p part, arguments ...string) *exec.Cmd {
	command := b.command(ctx, b.home.Toolchain(), filepath.Join(b.home.Bin(), pulumi.program),
		append([]string{"plugin", "install", "resource", p.plugin, p.version, "--reinstall"}, arguments...)...)
	command.Stdout, command.Stderr = s.Writer(), s.Writer()
	return command
}

// downloadPinned returns a file with the archive of a plugin, which has the checksum.
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

// descriptor is a plugin as Pulumi's library knows it, from a server or, where that is empty,
// from where Pulumi looks by itself.
func (p part) descriptor(server string) (workspace.PluginDescriptor, error) {
	version, err := semver.Parse(p.version)
	return workspace.PluginDescriptor{
		Name: p.plugin, Kind: apitype.ResourcePlugin, Version: &version, PluginDownloadURL: server,
	}, err
}

// lastError is Pulumi's own error in what it wrote.
func lastError(said string) string {
	found := ""
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "error: ") || found == "" && line != "" {
			found = line
		}
	}
	return strings.TrimPrefix(found, "error: ")
}

// oneLine is an error that may have several lines, for a line of progress.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
}
