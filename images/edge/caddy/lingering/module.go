package lingering

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

func init() { caddy.RegisterModule(new(Wrapper)) }

// Wrapper is the listener wrapper `lingering_close` of a Caddyfile, which must precede `tls`. All
// of its settings are required.
type Wrapper struct {
	MaxSize int64          `json:"max_size,omitempty"`
	MaxTime caddy.Duration `json:"max_time,omitempty"`
	MaxIdle caddy.Duration `json:"max_idle,omitempty"`
	AtOnce  int            `json:"at_once,omitempty"`
}

// CaddyModule describes the module to Caddy.
func (*Wrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.lingering_close", New: func() caddy.Module { return new(Wrapper) }}
}

// Validate reports a missing limit.
func (w *Wrapper) Validate() error {
	if w.MaxSize <= 0 || w.MaxTime <= 0 || w.MaxIdle <= 0 || w.AtOnce <= 0 {
		return fmt.Errorf("lingering_close: got max_size %d, max_time %s, max_idle %s, at_once %d, want each above 0",
			w.MaxSize, time.Duration(w.MaxTime), time.Duration(w.MaxIdle), w.AtOnce)
	}
	return nil
}

// WrapListener makes the listener's connections linger.
func (w *Wrapper) WrapListener(inner net.Listener) net.Listener {
	return NewListener(inner, Bounds{Bytes: w.MaxSize, Time: time.Duration(w.MaxTime), Idle: time.Duration(w.MaxIdle), AtOnce: w.AtOnce})
}

// UnmarshalCaddyfile reads the block.
func (w *Wrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	for d.NextBlock(0) {
		var value string
		name := d.Val()
		if !d.AllArgs(&value) {
			return d.ArgErr()
		}
		if err := w.set(name, value); err != nil {
			return d.Errf("lingering_close: %s: %v", name, err)
		}
	}
	return nil
}

func (w *Wrapper) set(name, value string) (err error) {
	switch name {
	case "max_size":
		var size uint64
		size, err = humanize.ParseBytes(value)
		w.MaxSize = int64(size)
	case "max_time":
		err = duration(&w.MaxTime, value)
	case "max_idle":
		err = duration(&w.MaxIdle, value)
	case "at_once":
		w.AtOnce, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("got this name, want max_size, max_time, max_idle or at_once")
	}
	return err
}

func duration(to *caddy.Duration, value string) error {
	parsed, err := caddy.ParseDuration(value)
	*to = caddy.Duration(parsed)
	return err
}

var (
	_ caddy.ListenerWrapper = (*Wrapper)(nil)
	_ caddy.Validator       = (*Wrapper)(nil)
	_ caddyfile.Unmarshaler = (*Wrapper)(nil)
)
