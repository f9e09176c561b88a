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
	// patience is how long a person waits for a page. A busy machine is slow.
	patience = 60 * time.Second
	// glance is how long it takes to look again.
	glance = 200 * time.Millisecond
)

// person is a user at a Chromium of their own: empty profile, no cookies. They
// see what is rendered, type and click, and keep a picture of each stage.
type person struct {
	t *testing.T
	// name is that of the pictures.
	name     string
	tab      context.Context
	pictures int
	// complaints are what Chromium holds against the pages' own headers.
	complaints struct {
		sync.Mutex
		texts []string
	}
}

// hear listens to what a developer would read in the console: whatever the
// headers of a page forbid to the page itself is a mistake in the headers.
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

// do is a few steps for which a person has patience.
func (p *person) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// open types an address in.
func (p *person) open(address string) {
	p.t.Helper()
	u, err := url.Parse(address)
	require.NoError(p.t, err)
	require.NoError(p.t, p.do(chromedp.Navigate(address)), "%s opens %s", p.name, browser.Bare(u))
}

// seen is the text that is rendered, as a person reads it; empty while a page
// is on its way.
func (p *person) seen() string {
	ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return text
}

// at is where the browser is, without what may be confidential.
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

// doesNotSee looks once, after sees has waited for the page.
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

// clicks on what reads so, with the mouse, where it is: a link or a button rather
// than mere text.
func (p *person) clicks(text string) {
	p.t.Helper()
	find := fmt.Sprintf(findScript, strconv.Quote(text))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(glance) {
		ctx, cancel := context.WithTimeout(p.tab, 5*time.Second)
		spot, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](find, chromedp.EvalAwaitPromise))
		cancel()
		if err == nil && len(spot) == 2 {
			require.NoError(p.t, p.do(chromedp.MouseClickXY(spot[0], spot[1])), "%s, at %s, clicks on %q", p.name, p.at(), text)
			return
		}
	}
	p.t.Fatalf("%s, at %s: got nothing to click on that reads %q for %s; the picture is in %s", p.name, p.at(), text, patience, album(p.t))
}

// findScript is the middle of what reads so and can be clicked on: it is in view
// and nothing covers it. A page on its way moves, so it has to stay where it is.
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

// waitsUntilStable waits a little until what is rendered stays the same.
func (p *person) waitsUntilStable() {
	before, since := p.seen(), time.Now()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && time.Since(since) < 3*glance; time.Sleep(glance) {
		if now := p.seen(); now != before {
			before, since = now, time.Now()
		}
	}
}

// picture keeps what is on the screen. A password field shows dots only.
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

// cookies are what the browser sends to an address.
func (p *person) cookies(address string) []*network.Cookie {
	p.t.Helper()
	got, err := chromedp.Call(p.tab, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	require.NoError(p.t, err)
	require.NotEmpty(p.t, got.Cookies)
	return got.Cookies
}

// takes puts a cookie of someone else into the browser.
func (p *person) takes(address string, c *network.Cookie) {
	p.t.Helper()
	_, err := chromedp.Call(p.tab, network.SetCookie, network.SetCookieParams{
		Name: c.Name, Value: c.Value, URL: address, Path: c.Path, Secure: &c.Secure, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite,
	})
	require.True(p.t, err == nil, "%s cannot take the cookie %s", p.name, c.Name)
}
