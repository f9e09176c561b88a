package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	keepLines  = 20  // of a command's output, for its error
	keepColumn = 300 // characters of a line
)

// Step is the current step. It is safe for concurrent use.
type Step struct {
	log   *Log
	title string
	began time.Time
	beat  time.Time // of the last line of a step in a summary

	mu      sync.Mutex
	said    string   // by Say or Skip
	now     string   // the newer of said and the output
	skipped bool     // by Skip
	lines   []string // the end of the output
	partial []byte   // an unfinished line of output
}

// Say shows what the step is doing. The last text is shown again when it ends.
func (s *Step) Say(format string, arguments ...any) {
	text := clean(fmt.Sprintf(format, arguments...))
	s.mu.Lock()
	s.said, s.now = text, text
	s.mu.Unlock()
}

// Skip reports that there was nothing to do and why; the step then returns nil.
func (s *Step) Skip(format string, arguments ...any) {
	s.Say(format, arguments...)
	s.mu.Lock()
	s.skipped = true
	s.mu.Unlock()
}

// Writer receives the output of a command. Its newest line is shown as progress and its last
// twenty are part of the error if the step fails.
func (s *Step) Writer() io.Writer { return output{s} }

type output struct{ step *Step }

func (o output) Write(p []byte) (int, error) {
	s := o.step
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = append(s.partial, p...)
	for {
		// A progress bar ends its lines with a carriage return.
		end := bytes.IndexAny(s.partial, "\r\n")
		if end < 0 {
			break
		}
		s.keep(string(s.partial[:end]))
		s.partial = s.partial[end+1:]
	}
	if len(s.partial) > 4*keepColumn { // an endless line must not fill the memory
		s.keep(string(s.partial))
		s.partial = nil
	}
	return len(p), nil
}

// keep is called with mu held.
func (s *Step) keep(line string) {
	line = clean(line)
	if line == "" {
		return
	}
	s.now = line
	s.lines = append(s.lines, line)
	if len(s.lines) > keepLines {
		s.lines = s.lines[1:]
	}
}

func (s *Step) latest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *Step) ending() (said string, skipped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said, s.skipped
}

// tail returns the end of the output, indented.
func (s *Step) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.partial) > 0 {
		s.keep(string(s.partial))
		s.partial = nil
	}
	if len(s.lines) == 0 {
		return ""
	}
	return "  " + strings.Join(s.lines, "\n  ")
}

// clean turns a text into one short line, without control characters.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, text)
	return cut(strings.TrimSpace(text), keepColumn)
}
