package toolchain

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// startWithin is the time limit for a plugin to start; the largest needs about a second.
const startWithin = 30 * time.Second

// noEngine is a placeholder for the engine's address. A plugin only dials it to write to the
// engine's log.
const noEngine = "127.0.0.1:1"

// checkVersion fails unless the plugin at path reports the part's version.
func checkVersion(ctx context.Context, p part, path string) error {
	got, err := pluginVersion(ctx, path)
	if err != nil {
		return fmt.Errorf("plugin %s: ask its version: %w", p.plugin, err)
	}
	if got = strings.TrimPrefix(got, "v"); got != p.version {
		return fmt.Errorf("plugin %s reports version %q, want %s", p.plugin, got, p.version)
	}
	return nil
}

// pluginVersion starts a plugin and queries it over Pulumi's protocol.
func pluginVersion(ctx context.Context, path string) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	plugin := exec.CommandContext(ctx, path, noEngine)
	plugin.Env = os.Environ()
	output, err := plugin.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := plugin.Start(); err != nil {
		return "", err
	}
	defer func() { cancel(); _ = plugin.Wait() }() // killed on purpose
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read its port: %w", err)
	}
	port, err := strconv.ParseUint(strings.TrimSpace(line), 10, 16)
	if err != nil {
		return "", fmt.Errorf("got %q, want its port", strings.TrimSpace(line))
	}
	connection, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	said, err := pulumirpc.NewResourceProviderClient(connection).GetPluginInfo(ctx, &emptypb.Empty{}, grpc.WaitForReady(true))
	if err != nil {
		return "", err
	}
	return said.GetVersion(), nil
}
