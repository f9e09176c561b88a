// Package progress reports the progress of long work: each step reports its start, shows at least
// every ten seconds that it is alive, and reports its end and duration.
//
// On a terminal the current step is one line that is redrawn in place. Otherwise, such as in the
// log of a CI job, there are only whole lines. NO_COLOR and TERM=dumb are respected.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	heartbeat = 10 * time.Second       // between two permanent lines
	redraw    = 250 * time.Millisecond // between two drawings of one line
	lenience  = 2 * time.Second        // for a step of a summary to end without a line
)

// Log writes the progress of steps. It is safe for concurrent use, though overlapping steps share
// the one line of a terminal.
type Log struct {
	mu     sync.Mutex
	w      io.Writer
	clock  clock
	inline bool // a terminal, whose last line may be redrawn
	colour bool
	quiet  bool // steps with nothing to do leave no line
	width  func() int
}

// New returns a Log on w, usually standard error: results go to standard output.
func New(w io.Writer) *Log {
	l := &Log{w: w, clock: wallClock{}, width: func() int { return 80 }}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		l.inline = true
		l.colour = os.Getenv("NO_COLOR") == ""
		l.width = func() int {
			if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 20 {
				return columns
			}
			return 80
		}
	}
	return l
}

// Step runs do and reports it under the title. It returns do's error prefixed with the title and,
// if the step wrote to Step.Writer, followed by the end of that output.
func (l *Log) Step(ctx context.Context, title string, do func(ctx context.Context, s *Step) error) error {
	s := &Step{log: l, title: title, began: l.clock.Now()}
	if !l.inline && !l.quiet {
		l.line("start", title, "")
	}
	halt := l.watch(s)
	err := do(ctx, s)
	halt()
	took := elapsed(l.clock.Now().Sub(s.began))
	said, skipped := s.ending()
	switch {
	case err != nil && ctx.Err() != nil:
		l.line("stopped", title+" after "+took, "")
	case err != nil:
		l.line("failed", title+" after "+took, "")
	case skipped && l.quiet:
		l.erase()
	case skipped:
		l.line("skipped", title, said)
	default:
		l.line("done", title+" in "+took, said)
	}
	if err == nil {
		return nil
	}
	if tail := s.tail(); tail != "" {
		return fmt.Errorf("%s: %w; its output ends with:\n%s", title, err, tail)
	}
	return fmt.Errorf("%s: %w", title, err)
}

// Summary runs do, whose steps leave no line if they have nothing to do, and ends with one line
// with do's text.
func (l *Log) Summary(ctx context.Context, title string, do func(*Log) (string, error)) error {
	began := l.clock.Now()
	text, err := do(&Log{w: l.w, clock: l.clock, inline: l.inline, colour: l.colour, quiet: true, width: l.width})
	if err == nil && ctx.Err() == nil {
		l.line("done", title+" in "+elapsed(l.clock.Now().Sub(began)), text)
	}
	return err
}

// Note writes a line that stays, also where steps leave none: something to know before they end.
func (l *Log) Note(text string) { l.line("note", text, "") }

// erase removes the line of a step that has nothing to report.
func (l *Log) erase() {
	if !l.inline {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprint(l.w, "\r\x1b[K")
}

// watch shows that the step is alive until the returned function is called.
func (l *Log) watch(s *Step) (halt func()) {
	every := heartbeat
	switch {
	case l.inline:
		every = redraw
	case l.quiet:
		every = lenience
	}
	ticks, stop := l.clock.Ticker(every)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for turn := 0; ; turn++ {
			select {
			case <-quit:
				return
			case <-ticks:
				l.beat(s, turn)
			}
		}
	}()
	return func() { close(quit); <-ended; stop() }
}

func (l *Log) beat(s *Step, turn int) {
	now := l.clock.Now()
	took := elapsed(now.Sub(s.began))
	if l.quiet && !l.inline {
		if now.Sub(s.beat) < heartbeat {
			return
		}
		s.beat = now
	}
	if !l.inline {
		l.line("working", s.title+" since "+took, s.latest())
		return
	}
	text := fmt.Sprintf("%c %s %s", `-\|/`[turn%4], s.title, took)
	if latest := s.latest(); latest != "" {
		text += ": " + latest
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.w, "\r\x1b[K%s", cut(text, l.width()-1))
}

var colours = map[string]string{"done": "\x1b[32m", "skipped": "\x1b[2m", "failed": "\x1b[31m", "stopped": "\x1b[33m"}

// line writes a permanent line.
func (l *Log) line(word, title, detail string) {
	text := fmt.Sprintf("%-8s", word)
	if paint := colours[word]; l.colour && paint != "" {
		text = paint + text + "\x1b[0m"
	}
	text += title
	if detail != "" {
		text += ": " + detail
	}
	if l.inline {
		text = "\r\x1b[K" + text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(l.w, text)
}

// elapsed formats a duration: 0.4s, 12s, 3m5s.
func elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// cut shortens a text to that many characters.
func cut(text string, width int) string {
	characters := []rune(text)
	if len(characters) <= width {
		return text
	}
	return strings.TrimSpace(string(characters[:max(width-1, 0)])) + "…"
}
