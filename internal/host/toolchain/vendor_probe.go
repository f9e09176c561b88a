package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// vendorPlugins is the vendor's second server. Pulumi tries it after GitHub, but waits minutes
// for an unresponsive GitHub.
const vendorPlugins = "https://get.pulumi.com/releases/plugins"

// answerWithin is the time limit for all probes of the vendor together.
const answerWithin = 4 * time.Second

// reach is which of the vendor's downloads this network can reach.
type reach struct {
	// archive is nil if the archive of the command line can be downloaded.
	archive error
	// plugins is nil if plugins can be downloaded, from server; empty for Pulumi's default.
	plugins error
	server  string
}

// reachVendor probes all servers concurrently, once per run: a network that drops packets costs
// answerWithin, whatever is missing.
func (b *builder) reachVendor(ctx context.Context) reach {
	if b.reached != nil {
		return *b.reached
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	servers := []string{b.server}
	if b.server == "" {
		servers = append(servers, vendorPlugins)
	}
	found := reach{archive: errors.New("no archive is pinned for this system")}
	tried := make([]error, len(servers))
	var all sync.WaitGroup
	if b.archive != nil {
		all.Go(func() { found.archive = b.archive.answers(within) })
	}
	for i, server := range servers {
		all.Go(func() { tried[i] = probePlugin(within, plugins[0], server) })
	}
	all.Wait()
	found.plugins = errors.Join(tried...)
	for i, err := range tried {
		if err == nil {
			found.plugins, found.server = nil, servers[i]
			break
		}
	}
	b.reached = &found
	return found
}

// probePlugin fails unless the first address at which Pulumi would look for a plugin has an
// archive. It respects PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES.
func probePlugin(ctx context.Context, p part, server string) error {
	plugin, err := p.descriptor(server)
	if err != nil {
		return err
	}
	source, err := plugin.GetSource()
	if err != nil {
		return err
	}
	var first error
	asked := false
	body, _, err := source.Download(ctx, *plugin.Version, runtime.GOOS, runtime.GOARCH, func(request *http.Request) (io.ReadCloser, int64, error) {
		if asked { // Pulumi's next address has its own probe
			return nil, 0, first
		}
		asked = true
		var answer io.ReadCloser
		answer, first = archiveAt(request)
		return answer, -1, first
	})
	if first != nil {
		return first
	}
	if err != nil {
		return err
	}
	return body.Close()
}

// archiveAt checks that a response starts like a compressed archive. A login page does not.
func archiveAt(request *http.Request) (io.ReadCloser, error) {
	answer, err := http.DefaultClient.Do(request) //nolint:gosec // the vendor's address, or where the operator redirects it
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("GET %s: got status %d, want 200", request.URL, answer.StatusCode), answer.Body.Close())
	}
	start := make([]byte, 2)
	if _, err := io.ReadFull(answer.Body, start); err != nil || !bytes.Equal(start, []byte{0x1f, 0x8b}) {
		return nil, errors.Join(fmt.Errorf("GET %s: got %q, want a gzip archive", request.URL, answer.Header.Get("Content-Type")), answer.Body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), answer.Body), answer.Body}, nil
}
