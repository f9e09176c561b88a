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

// pluginsOnPath fails if the stack's plugins are on PATH. What runs a policy pack is looked for
// there, and then Pulumi would prefer those to the ones of the toolchain.
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

// violation is what a policy pack says about a resource, or about the whole stack.
func violation(e *apitype.PolicyEvent) string {
	of := ""
	if e.ResourceURN != "" && !strings.HasSuffix(e.ResourceURN, "::pulumi:pulumi:Stack") {
		of = nameOf(e.ResourceURN) + ": "
	}
	return fmt.Sprintf("%sviolates %s policy %s of pack %s: %s", of, e.EnforcementLevel, e.PolicyName, e.PolicyPackName,
		strings.TrimSpace(uncoloured(e.Message)))
}

// CheckPolicies runs the policy packs on what an update would do, and fails if a mandatory policy
// is violated. Nothing is changed.
func (s *Stack) CheckPolicies(ctx context.Context, step Step) error {
	found, err := s.Compare(ctx, step, false)
	if err != nil {
		return Hinted("check of the policies", err, found.Problems)
	}
	return nil
}

// Advice are the violations of policies that stopped no update and no preview so far.
func (s *Stack) Advice() []string { return s.advice }

// addAdvice keeps each violation once: an update is checked before and while it runs.
func (s *Stack) addAdvice(advice []string) {
	for _, text := range advice {
		if !slices.Contains(s.advice, text) {
			s.advice = append(s.advice, text)
		}
	}
}
