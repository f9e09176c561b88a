//go:build e2e

package e2e

import "testing"

// A public stack that was just created has no findings, no drift and no successful attack:
// anything found is a bug of the tool or the stack.
func TestAPublicStackIsHealthyUnchangedAndClosedToEveryAttack(t *testing.T) {
	l := public.up(t) // with all checks of verify
	for _, look := range []string{"doctor", "drift", "security-test"} {
		t.Log(l.must(t, look).stdout)
	}
}
