package browser

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRedirectsAreFollowedAndRemembered(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "/login?next=%2F", http.StatusFound)
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "state", Value: "s", Path: "/", Secure: true})
			http.Redirect(w, r, "authorize?client_id=mlflow", http.StatusSeeOther)
		case "/authorize":
			state, err := r.Cookie("state")
			if err != nil || state.Value != "s" {
				http.Error(w, "no cookie", http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<title> Sign  in\n</title>")
		}
	})
	b := New()
	defer b.Close()

	page, err := b.Open(t.Context(), site)

	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status)
	require.Equal(t, site+"/authorize?client_id=mlflow", page.URL.String())
	require.True(t, page.HTML())
	require.Equal(t, "Sign in", page.Title())
	require.Len(t, page.Hops, 2)
	require.Equal(t, http.StatusSeeOther, page.Hops[1].Status)
	require.Equal(t, "/authorize", page.Hops[1].Location.Path)
	require.Empty(t, b.Refused())
}

func TestAPostBecomesAGetOnSeeOtherAndStaysAPostOnTemporaryRedirect(t *testing.T) {
	var got []string
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprintf("%s %s %q %q", r.Method, r.URL.Path, body, r.Header.Get("Content-Type")))
		switch r.URL.Path {
		case "/form":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `<form method=post action=/307><input name=a value=1></form>`)
		case "/307":
			http.Redirect(w, r, "/302", http.StatusTemporaryRedirect)
		case "/302":
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	})
	b := New()
	defer b.Close()
	page, err := b.Open(t.Context(), site+"/form")
	require.NoError(t, err)

	_, err = b.Submit(t.Context(), page.Forms()[0])

	require.NoError(t, err)
	require.Equal(t, []string{
		`GET /form "" ""`,
		`POST /307 "a=1" "application/x-www-form-urlencoded"`,
		`POST /302 "a=1" "application/x-www-form-urlencoded"`,
		`GET /end "" ""`,
	}, got)
}

func TestARedirectLoopEnds(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again?code=hidden", http.StatusFound)
	})
	b := New()
	defer b.Close()

	_, err := b.Open(t.Context(), site)

	require.ErrorIs(t, err, ErrRedirectLoop)
	require.NotContains(t, err.Error(), "hidden")
}

func TestFetchShowsTheRedirectItself(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "application/json" && r.Header.Get("Authorization") == "Bearer x" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	})
	b := New()
	defer b.Close()

	page, err := b.Fetch(t.Context(), http.MethodGet, site, http.Header{"authorization": {"Bearer x"}}, nil)

	require.NoError(t, err)
	require.Equal(t, http.StatusFound, page.Status)
}

func TestFetchReportsWhatPageItIsOn(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Origin")+" "+r.Header.Get("Sec-Fetch-Site"))
	})
	b := New()
	defer b.Close()
	for _, c := range []struct {
		method string
		header http.Header
		want   string
	}{
		{http.MethodGet, nil, " same-origin"},
		{http.MethodPost, nil, site + " same-origin"},
		{http.MethodDelete, http.Header{"Origin": {site}}, site + " same-origin"},
		{http.MethodPost, http.Header{"Origin": {"http://other.example"}}, "http://other.example cross-site"},
		{http.MethodGet, http.Header{"Origin": {"null"}}, "null cross-site"},
	} {
		page, err := b.Fetch(t.Context(), c.method, site+"/a", c.header, nil)
		require.NoError(t, err)
		require.Equal(t, c.want, string(page.Body), c.method)
	}
}

func TestErrorsDoNotRepeatTheQuery(t *testing.T) {
	b := New(Timeout(time.Second))
	defer b.Close()

	_, err := b.Open(t.Context(), "http://127.0.0.1:1/callback?code=hidden-code")

	require.ErrorContains(t, err, "http://127.0.0.1:1/callback")
	require.NotContains(t, err.Error(), "hidden-code")
	_, err = b.Open(t.Context(), "http://[bad?code=hidden-code")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hidden-code")
}

func TestTheTimeoutEndsASilentServer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	site := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	b := New(Timeout(50 * time.Millisecond))
	defer b.Close()

	began := time.Now()
	_, err := b.Open(t.Context(), site)

	require.Error(t, err)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestOnlyTheGivenAuthoritiesAreTrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the test expects the refused handshake
	server.StartTLS()
	defer server.Close()

	untrusting := New()
	defer untrusting.Close()
	_, err := untrusting.Open(t.Context(), server.URL)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)

	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	friend := New(RootCAs(pool))
	defer friend.Close()
	page, err := friend.Open(t.Context(), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status)
}

func TestACopyKeepsTheCookiesThatTheBrowserLoses(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s", Path: "/"})
		case "/logout":
			http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		default:
			if _, err := r.Cookie("session"); err != nil {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	})
	b := New()
	defer b.Close()
	status := func(x *Browser, path string) int {
		page, err := x.Fetch(t.Context(), http.MethodGet, site+path, nil, nil)
		require.NoError(t, err)
		return page.Status
	}

	status(b, "/login")
	thief := b.Copy(address(t, site))
	status(b, "/logout")

	require.Equal(t, http.StatusUnauthorized, status(b, "/api"))
	require.Equal(t, http.StatusOK, status(thief, "/api"))
}

func TestAPageForBrowsersWithoutScriptsSendsThemOn(t *testing.T) {
	site := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/":
			_, _ = io.WriteString(w, `<head><title>MLflow</title><noscript><meta http-equiv="Refresh" content="0;url=login?next=%2F"></noscript></head>`)
		case "/login":
			_, _ = io.WriteString(w, `<title>Sign in</title><noscript>This page needs scripts.</noscript>`)
		}
	})
	b := New()
	defer b.Close()

	page, err := b.Open(t.Context(), site+"/#/experiments/1")

	require.NoError(t, err)
	require.Equal(t, "Sign in", page.Title())
	require.Equal(t, "next=%2F", page.URL.RawQuery)
	require.Len(t, page.Hops, 1)
	require.Equal(t, http.StatusOK, page.Hops[0].Status)
}
