package stack

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/mlflow-sso/mlflow-sso/contract/accessrule"
)

// sentence describes a change of an access rule, such as "mlflow-users loses EDIT on experiments
// fraud-*".
func sentence(m apitype.StepEventMetadata) string {
	before, after := inputsOf(m.Old), inputsOf(m.New)
	what := after
	if m.New == nil {
		what = before
	}
	on := fmt.Sprintf("%s %s", accessrule.Kind(what["kind"]).Plural(), what["pattern"])
	switch {
	case m.Old == nil || m.Op == apitype.OpCreate:
		return fmt.Sprintf("%s gains %s on %s", whose(what), what["permission"], on)
	case m.New == nil || m.Op == apitype.OpDelete:
		return fmt.Sprintf("%s loses %s on %s", whose(what), what["permission"], on)
	case before["permission"] != after["permission"]:
		return fmt.Sprintf("%s has %s, not %s, on %s", whose(what), after["permission"], before["permission"], on)
	}
	return fmt.Sprintf("%s keeps %s on %s", whose(what), what["permission"], on)
}

// inputsOf returns the inputs of a rule as texts.
func inputsOf(state *apitype.StepEventStateMetadata) map[string]string {
	texts := map[string]string{}
	if state == nil {
		return texts
	}
	for name, value := range state.Inputs {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts
}

func whose(rule map[string]string) string {
	for _, who := range []accessrule.Subject{accessrule.Group, accessrule.User, accessrule.ServiceAccount} {
		if name := rule[string(who)]; name != "" {
			return name
		}
	}
	return "a new user"
}
