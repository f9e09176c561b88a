package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// interruption is the cause of a context that a signal ended. It is context.Canceled for a caller that
// asks, as without a cause.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string        { return i.text() }
func (i interruption) Is(target error) bool { return target == context.Canceled }

func (i interruption) text() string {
	if i.signal == syscall.SIGINT {
		return "interrupted with Ctrl-C"
	}
	return "interrupted by " + unix.SignalName(i.signal)
}

// exitCode is what a shell reports for a program that the signal ended.
func (i interruption) exitCode() int { return 128 + int(i.signal) }

// endedBySignals returns a context that Ctrl-C and SIGTERM end, with the signal as its cause.
func endedBySignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case got := <-received:
			number, _ := got.(syscall.Signal)
			cancel(interruption{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(received); cancel(nil) }
}

// signalOf returns the signal that ended the context, if one did.
func signalOf(ctx context.Context) (received interruption, ok bool) {
	ok = errors.As(context.Cause(ctx), &received)
	return received, ok
}

const resumeAnnotation = "resume"

// resumable annotates a command that continues where it was interrupted.
func resumable(notes map[string]string) map[string]string {
	notes[resumeAnnotation] = "run the same command again to continue"
	return notes
}

// writeInterruption says that a command was interrupted, how to go on, and what of its error is not
// merely that, such as access that could not be revoked.
func writeInterruption(w io.Writer, cmd *cobra.Command, received interruption, err error) {
	text := received.text()
	if next := cmd.Annotations[resumeAnnotation]; next != "" {
		text += "; " + next
	}
	_, _ = fmt.Fprintln(w, text)
	if rest := beyondInterruption(err); rest != nil {
		_, _ = fmt.Fprintf(w, "error: %v\n", rest)
	}
}

// ofInterruption is how programs report that they were interrupted.
var ofInterruption = regexp.MustCompile(`\b(preview|update|refresh|destroy|import|operation|context) cancell?ed\b|signal: (interrupt|terminated|killed)`)

// beyondInterruption returns what of an error does not follow from an interruption; nil if all does.
func beyondInterruption(err error) error {
	for at := err; at != nil; at = errors.Unwrap(at) {
		if several, ok := at.(interface{ Unwrap() []error }); ok {
			var rest []error
			for _, one := range several.Unwrap() {
				rest = append(rest, beyondInterruption(one))
			}
			return errors.Join(rest...)
		}
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, errChecks), ofInterruption.MatchString(err.Error()):
		return nil
	}
	return err
}
