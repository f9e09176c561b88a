//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/browser"
)

const (
	// patience is the timeout for a page. A busy machine is slow.
	patience = 60 * time.Second
	// glance is the polling interval.
	glance = 200 * time.Millisecond
)

// person is a user with a separate Chromium: empty profile, no cookies. It sees what is rendered,
// types and clicks, and takes a picture of each stage.
type person struct {
	t *testing.T
	// name is the prefix of the pictures.
	name     string
	tab      context.Context
	pictures int
	// complaints are Chromium's errors about the pages' own headers.
	complaints struct {
		sync.Mutex
		texts []string
	}
}

// hear records the console: anything that a page's headers forbid to the page itself is a mistake
// in the headers.
func (p *person) hear(event any) {
	if e, ok := event.(*log.EventEntryAdded); ok {
		// About frames of Keycloak's console: good advice to its makers, and nothing is refused.
		if strings.Contains(e.Entry.Text, "can escape its sandboxing") {
			return
		}
		if e.Entry.Source == log.EntrySourceSecurity && e.Entry.Level == log.EntryLevelError {
			p.complaints.Lock()
			defer p.complaints.Unlock()
			p.complaints.texts = append(p.complaints.texts, e.Entry.Text)
		}
	}
}

// do runs steps within patience.
func (p *person) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// open navigates to an address.
func (p *person) open(address string) {
	p.t.Helper()
	u, err := url.Parse(address)
	require.NoError(p.t, err)
	require.NoError(p.t, p.do(chromedp.Navigate(address)), "%s opens %s", p.name, browser.Bare(u))
}

// seen is the rendered text; empty while a page loads.
func (p *person) seen() string {
	ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return text
}

// at is the browser's address, without confidential parts.
func (p *person) at() string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
	defer cancel()
	where, err := chromedp.Run(ctx, chromedp.Location())
	require.NoError(p.t, err)
	u, err := url.Parse(where)
	require.NoError(p.t, err)
	return browser.Bare(u)
}

// sees waits until all the texts are on the page.
func (p *person) sees(texts ...string) {
	p.t.Helper()
	var missing []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
		seen := p.seen()
		missing = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return strings.Contains(seen, text) })
		if len(missing) == 0 {
			return
		}
	}
	p.t.Fatalf("%s, at %s: got a page without %q for %s, wanted it there; the picture is in %s", p.name, p.at(), missing, patience, album(p.t))
}

// doesNotSee checks once, after sees has waited for the page.
func (p *person) doesNotSee(texts ...string) {
	p.t.Helper()
	seen := p.seen()
	for _, text := range texts {
		require.NotContains(p.t, seen, text, "%s, at %s", p.name, p.at())
	}
}

// writes types into a field.
func (p *person) writes(field chromedp.CSS, text string) {
	p.t.Helper()
	err := p.do(chromedp.WaitVisible(field), chromedp.SendKeys(field, text))
	// The error could repeat what was typed.
	require.True(p.t, err == nil, "%s, at %s: cannot type into %s", p.name, p.at(), field)
}

// clicks clicks with the mouse on an element with one of these texts: a link or a button rather than
// mere text.
func (p *person) clicks(texts ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
		for _, text := range texts {
			ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
			spot, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(findScript, strconv.Quote(text)), chromedp.EvalAwaitPromise))
			cancel()
			if err == nil && len(spot) == 2 {
				require.NoError(p.t, p.do(chromedp.MouseClickXY(spot[0], spot[1])), "%s, at %s, clicks on %q", p.name, p.at(), text)
				return
			}
		}
	}
	p.t.Fatalf("%s, at %s: got nothing to click on that reads %q for %s; the picture is in %s", p.name, p.at(), texts, patience, album(p.t))
}

// findScript returns the middle of a clickable element with this text: in view and not covered. A
// page that loads moves, so the position must be stable.
const findScript = `new Promise(done => {
	const text = %s;
	const reads = e => (e.innerText || e.value || "").trim() === text && !e.disabled && e.checkVisibility();
	const buttons = [...document.querySelectorAll("a, button, input[type=submit], [role=button], [role=tab]")].filter(reads);
	const texts = [...document.querySelectorAll("body *")].filter(e => reads(e) && ![...e.children].some(reads));
	const all = buttons.length ? buttons : texts;
	const middle = e => { const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; };
	const onTop = e => e.contains(document.elementFromPoint(...middle(e)));
	all.forEach(e => onTop(e) || e.scrollIntoView({block: "nearest"}));
	const found = all.find(onTop), before = found && middle(found);
	setTimeout(() => done(found && onTop(found) && before.join() === middle(found).join() ? before : []), 100);
})`

// album is the folder of the pictures.
func album(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("MLFLOW_SSO_E2E_SCREENSHOTS")
	if folder == "" {
		folder = filepath.Join("..", "..", ".state", "screenshots")
	}
	folder, err := filepath.Abs(folder)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	return folder
}

// waitsUntilStable waits until the rendered page stays the same.
func (p *person) waitsUntilStable() {
	before, since := p.seen(), time.Now()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && time.Since(since) < 3*glance; time.Sleep(glance) {
		if now := p.seen(); now != before {
			before, since = now, time.Now()
		}
	}
}

// picture takes a screenshot. A password field shows dots only.
func (p *person) picture(stage string) {
	p.t.Helper()
	p.pictures++
	p.waitsUntilStable()
	ctx, cancel := context.WithTimeout(p.tab, 30*time.Second)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Errorf("%s: no picture of %q: %v", p.name, stage, err)
		return
	}
	name := fmt.Sprintf("%s-%02d-%s.png", p.name, p.pictures, strings.ReplaceAll(stage, " ", "-"))
	require.NoError(p.t, os.WriteFile(filepath.Join(album(p.t), name), shot, 0o644))
}

// cookies are the browser's cookies for an address.
func (p *person) cookies(address string) []*network.Cookie {
	p.t.Helper()
	got, err := chromedp.Call(p.tab, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	require.NoError(p.t, err)
	require.NotEmpty(p.t, got.Cookies)
	return got.Cookies
}

// takes puts another user's cookie into the browser.
func (p *person) takes(address string, c *network.Cookie) {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, network.SetCookie, network.SetCookieParams{
		Name: c.Name, Value: c.Value, URL: address, Path: c.Path, Secure: &c.Secure, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite,
	})
	require.True(p.t, err == nil, "%s cannot take the cookie %s", p.name, c.Name)
}
