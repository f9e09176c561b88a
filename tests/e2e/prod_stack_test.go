//go:build e2e

package e2e

import "testing"

// Nothing is wrong with a public stack that was just created, nobody has changed it, and no attack
// gets through: what is found in it is a mistake, the tool's or the stack's.
func TestAPublicStackIsHealthyUnchangedAndClosedToEveryAttack(t *testing.T) {
	l := public.up(t) // with all checks of verify
	for _, look := range []string{"doctor", "drift", "security-test"} {
		t.Log(l.must(t, look).stdout)
	}
}
