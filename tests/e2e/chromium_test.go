//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
)

// chromium is installed once.
var chromium struct {
	once sync.Once
	err  error
}

// needChromium installs Debian's Chromium and certutil, which imports authorities.
func needChromium(t *testing.T) {
	t.Helper()
	chromium.once.Do(func() {
		var missing []string
		for program, in := range map[string]string{"chromium": "chromium", "certutil": "libnss3-tools"} {
			if _, err := apt.Find(program); err != nil {
				missing = append(missing, in)
			}
		}
		if len(missing) > 0 {
			t.Logf("installing %s", strings.Join(missing, " and "))
			chromium.err = apt.Install(context.Background(), os.Stderr, missing...)
		}
	})
	require.NoError(t, chromium.err)
}

// newPerson opens a Chromium on a network of its own, which reaches only the ports of the stack.
// The test closes it at its end. hosts are names without DNS and their addresses. authority is a
// PEM certificate to import in addition to the default ones, if any.
func newPerson(t *testing.T, name string, ports []string, hosts map[string]string, authority []byte) *person {
	t.Helper()
	needChromium(t)
	program, err := apt.Find("chromium")
	require.NoError(t, err)
	home := t.TempDir()
	if authority != nil {
		importAuthority(t, home, authority)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(home, "profile")), chromedp.Env("HOME=" + home),
		chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.WindowSize(1400, 900),
		// The tests run as root, which Chromium's sandbox refuses.
		chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true),
		// Disable Chromium's own background requests.
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("lang", "en-GB"),
	}
	options = append(options, chromedp.ModifyCmdFunc(newOwnNetwork(t, ports).starts))
	if rules := mapping(hosts); rules != "" {
		options = append(options, chromedp.Flag("host-resolver-rules", rules))
	}
	allocator, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(endBrowser)
	p := &person{t: t, name: name}
	tab, endTab := chromedp.NewContext(allocator, chromedp.WithErrorf(t.Logf), chromedp.WithListener(p.hear))
	p.tab = tab
	t.Cleanup(func() {
		p.complaints.Lock()
		defer p.complaints.Unlock()
		assert.Empty(t, p.complaints.texts, "Chromium refuses parts of the pages that %s sees", name)
		if t.Failed() {
			p.picture("failed")
		}
		endTab()
	})
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(1400, 900)))
	return p
}

// mapping returns hosts in the format of Chromium's flag.
func mapping(hosts map[string]string) string {
	rules := make([]string, 0, len(hosts))
	for name, address := range hosts {
		rules = append(rules, "MAP "+name+" "+address)
	}
	slices.Sort(rules)
	return strings.Join(rules, ",")
}

// importAuthority does what a user does in the browser's settings. Chromium reads its user's
// certificates from this folder.
func importAuthority(t *testing.T, home string, authority []byte) {
	t.Helper()
	store := filepath.Join(home, ".pki", "nssdb")
	require.NoError(t, os.MkdirAll(store, 0o700))
	file := filepath.Join(home, "authority.crt")
	require.NoError(t, os.WriteFile(file, authority, 0o600))
	for _, arguments := range [][]string{
		{"-N", "--empty-password"},
		{"-A", "-n", "authority of the stack", "-t", "C,,", "-i", file},
	} {
		said, err := apt.Command(t.Context(), "certutil", append([]string{"-d", "sql:" + store}, arguments...)...).CombinedOutput()
		require.NoError(t, err, "certutil %s: %s", arguments[0], said)
	}
}
