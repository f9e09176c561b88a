//go:build e2e

package e2e

import (
	"os"
	"testing"
)

// allTests is set by `make nightly`. Without it, CI's 45 minutes cover what must never break; the
// tests that call nightly run once a day, and before an issue is closed.
var allTests = os.Getenv("MLFLOW_SSO_NIGHTLY") != ""

// lane is the part of `make e2e` that runs in this process: the tests on shared stacks, in
// sequence, or in parallel the tests with their own stack. Empty for all.
var lane = os.Getenv("MLFLOW_SSO_E2E_LANE")

const sharedLane, ownLane = "shared", "own"

// inLane skips a test in processes of other lanes.
func inLane(t *testing.T, name string) {
	t.Helper()
	if lane != "" && lane != name {
		t.Skip("runs in lane " + name)
	}
}

// nightly skips a test in `make e2e`.
func nightly(t *testing.T) {
	t.Helper()
	if !allTests {
		t.Skip("runs in make nightly")
	}
}
