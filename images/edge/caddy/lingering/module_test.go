package lingering

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const whole = "lingering_close {\nmax_size 2MiB\nmax_time 10m\nmax_idle 5s\nat_once 3\n}"

func parse(text string) (Wrapper, error) {
	var w Wrapper
	err := w.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
	if err == nil {
		err = w.Validate()
	}
	return w, err
}

func TestACaddyfileSetsEveryBound(t *testing.T) {
	got, err := parse(whole)
	want := Wrapper{MaxSize: 2 << 20, MaxTime: caddy.Duration(10 * time.Minute), MaxIdle: caddy.Duration(5 * time.Second), AtOnce: 3}
	if err != nil || got != want {
		t.Fatalf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestAMissingOrWrongBoundIsAnErrorThatNamesIt(t *testing.T) {
	for text, want := range map[string]string{
		"lingering_close": "max_size 0",
		strings.Replace(whole, "max_size 2MiB\n", "", 1):       "max_size 0",
		strings.Replace(whole, "max_time 10m\n", "", 1):        "max_time 0s",
		strings.Replace(whole, "max_idle 5s\n", "", 1):         "max_idle 0s",
		strings.Replace(whole, "at_once 3\n", "", 1):           "at_once 0",
		strings.Replace(whole, "at_once 3", "at_once many", 1): "at_once: ",
		strings.Replace(whole, "at_once 3", "places 3", 1):     "places: got this name",
		strings.Replace(whole, "max_idle 5s", "max_idle", 1):   "argument",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}
