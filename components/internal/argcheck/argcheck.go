// Package argcheck collects the mistakes in a component's arguments, so that all of them
// are reported at once.
package argcheck

import (
	"errors"
	"fmt"
)

// List is what is wrong with some Args. The zero value is an empty one.
type List struct{ errs []error }

// ErrNilArgs is the mistake of having no Args at all.
func ErrNilArgs() error { return errors.New("args: got none, want Args") }

// Require notes a mistake when ok is false. The text begins with the field and
// says what was got and wanted.
func (l *List) Require(ok bool, format string, values ...any) {
	if !ok {
		l.errs = append(l.errs, fmt.Errorf("args: "+format, values...))
	}
}

// Err joins all mistakes, and those that another Validate found; nil if there
// are none.
func (l *List) Err(more ...error) error {
	return errors.Join(append(l.errs, more...)...)
}
