package toolchain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// The test's own executable stands in for Pulumi's command line and for a plugin, in a separate
// process.
const (
	roleVariable    = "TOOLCHAIN_TEST_ROLE"
	versionVariable = "TOOLCHAIN_TEST_VERSION"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "plugin":
		err = servePlugin(os.Getenv(versionVariable))
	case "pulumi":
		err = pulumiPluginInstall(os.Args[1:])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

type standInPlugin struct {
	pulumirpc.UnimplementedResourceProviderServer
	version string
}

func (p standInPlugin) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: p.version}, nil
}

func servePlugin(version string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, listener.Addr().(*net.TCPAddr).Port)
	server := grpc.NewServer()
	pulumirpc.RegisterResourceProviderServer(server, standInPlugin{version: version})
	return server.Serve(listener)
}

// pulumiPluginInstall is `pulumi plugin install resource NAME VERSION`, with the download of
// Pulumi's own SDK.
func pulumiPluginInstall(arguments []string) error {
	name, text := arguments[3], arguments[4]
	flags := flag.NewFlagSet("pulumi", flag.ContinueOnError)
	file, server := flags.String("file", "", ""), flags.String("server", "", "")
	flags.Bool("reinstall", false, "")
	if err := flags.Parse(arguments[5:]); err != nil {
		return err
	}
	folder := filepath.Join(os.Getenv("PULUMI_HOME"), "plugins", "resource-"+name+"-v"+text)
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return err
	}
	if *file != "" {
		content, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
			return extract(bytes.NewReader(content), folder)
		}
		return os.WriteFile(filepath.Join(folder, "pulumi-resource-"+name), content, 0o700)
	}
	version := semver.MustParse(text)
	plugin := workspace.PluginDescriptor{Name: name, Kind: apitype.ResourcePlugin, Version: &version, PluginDownloadURL: *server}
	archive, err := workspace.DownloadToFile(context.Background(), plugin,
		func(stream io.ReadCloser, _ int64) io.ReadCloser { return stream }, nil)
	if err != nil {
		return err
	}
	return errors.Join(extract(archive, folder), archive.Close(), os.Remove(archive.Name()))
}

// extract unpacks the one file of an archive.
func extract(archive io.Reader, folder string) error {
	plain, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(plain)
	entry, err := files.Next()
	if err != nil {
		return err
	}
	content, err := io.ReadAll(files)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, filepath.Base(entry.Name)), content, 0o700)
}

// as returns a script that runs the test's executable in a role.
func as(t *testing.T, role, version string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return fmt.Sprintf("#!/bin/sh\n%s=%s %s=%s exec '%s' \"$@\"\n", roleVariable, role, versionVariable, version, self)
}

// packed returns the vendor's archive of a plugin.
func packed(t *testing.T, p part, version string) []byte {
	t.Helper()
	var content bytes.Buffer
	compressed := gzip.NewWriter(&content)
	files := tar.NewWriter(compressed)
	script := as(t, "plugin", version)
	require.NoError(t, files.WriteHeader(&tar.Header{
		Name: "pulumi-resource-" + p.plugin, Mode: 0o755, Size: int64(len(script)), Typeflag: tar.TypeReg,
	}))
	_, err := io.WriteString(files, script)
	require.NoError(t, err)
	require.NoError(t, errors.Join(files.Close(), compressed.Close()))
	return content.Bytes()
}

// firstAddress is the first address at which Pulumi would look for a plugin for Linux.
func firstAddress(t *testing.T, source workspace.PluginSource, version semver.Version) string {
	t.Helper()
	stop, address := errors.New("this is all"), ""
	_, _, err := source.Download(t.Context(), version, "linux", "amd64", func(request *http.Request) (io.ReadCloser, int64, error) {
		if address == "" {
			address = request.URL.String()
		}
		return nil, 0, stop
	})
	require.ErrorIs(t, err, stop)
	return address
}
