package stack

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
)

// mandatory is the level of a policy whose violation stops a run.
const mandatory = "mandatory"

// pluginsOnPath fails if the stack's plugins are on PATH. Pulumi searches there for policy pack
// hosts, and then would prefer those plugins to the toolchain's.
func pluginsOnPath() error {
	var found []string
	for _, name := range toolchain.PluginNames() {
		if path, err := exec.LookPath("pulumi-resource-" + name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("with policy packs, Pulumi takes plugins from PATH: got %s, want none of them there; "+
			"remove their folder from PATH for this command", strings.Join(found, ", "))
	}
	return nil
}

// violation is a policy pack's report about a resource, or about the whole stack.
func violation(e *apitype.PolicyEvent) string {
	of := ""
	if e.ResourceURN != "" && !strings.HasSuffix(e.ResourceURN, "::pulumi:pulumi:Stack") {
		of = nameOf(e.ResourceURN) + ": "
	}
	return fmt.Sprintf("%sviolates %s policy %s of pack %s: %s", of, e.EnforcementLevel, e.PolicyName, e.PolicyPackName,
		strings.TrimSpace(uncoloured(e.Message)))
}

// CheckPolicies runs the policy packs on a preview, and fails if a mandatory policy is violated.
// It changes nothing.
func (s *Stack) CheckPolicies(ctx context.Context, step Step) error {
	found, err := s.Compare(ctx, step, false)
	if err != nil {
		return Hinted("check of the policies", err, found.Problems)
	}
	return nil
}

// Advice returns the violations of advisory policies so far.
func (s *Stack) Advice() []string { return s.advice }

// addAdvice keeps each violation once: an update is checked before and while it runs.
func (s *Stack) addAdvice(advice []string) {
	for _, text := range advice {
		if !slices.Contains(s.advice, text) {
			s.advice = append(s.advice, text)
		}
	}
}
