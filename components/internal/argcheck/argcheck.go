// Package argcheck collects the mistakes in a component's arguments, so that all of them
// are reported at once.
package argcheck

import (
	"errors"
	"fmt"
)

// List is a list of mistakes. The zero value is empty.
type List struct{ errs []error }

// ErrNilArgs is the error for nil Args.
func ErrNilArgs() error { return errors.New("args: got none, want Args") }

// Require adds a mistake if ok is false. The text begins with the field and says what was got and
// wanted.
func (l *List) Require(ok bool, format string, values ...any) {
	if !ok {
		l.errs = append(l.errs, fmt.Errorf("args: "+format, values...))
	}
}

// Err joins all mistakes, and those of another Validate; nil if there are none.
func (l *List) Err(more ...error) error {
	return errors.Join(append(l.errs, more...)...)
}
