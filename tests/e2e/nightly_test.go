//go:build e2e

package e2e

import (
	"os"
	"testing"
)

// allTests is set by `make nightly`. Without it, CI's 45 minutes hold what must never
// break; the tests that call nightly run once a day, and before an issue is closed.
var allTests = os.Getenv("MLFLOW_SSO_NIGHTLY") != ""

// lane is what `make e2e` runs in this process: the tests on stacks that many share, one after
// the other, or beside them those with a stack of their own. Empty for all.
var lane = os.Getenv("MLFLOW_SSO_E2E_LANE")

const sharedLane, ownLane = "shared", "own"

// inLane leaves a test to the process of its lane.
func inLane(t *testing.T, name string) {
	t.Helper()
	if lane != "" && lane != name {
		t.Skip("runs in lane " + name)
	}
}

// nightly leaves a test out of `make e2e`.
func nightly(t *testing.T) {
	t.Helper()
	if !allTests {
		t.Skip("runs in make nightly")
	}
}
