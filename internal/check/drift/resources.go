package drift

import (
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// idOf maps an update's operations to findings.
var idOf = map[report.Outcome]check.ID{
	report.Created: ResourceMissing, report.Changed: ResourceChanged, report.Replaced: ResourceReplaced, report.Removed: ResourceUndeclared,
}

// ofChange returns the finding for a change that an update would make. The old value of a
// property is the actual one, since Pulumi has read it; the new one is from the settings.
func (s *suite) ofChange(c report.Change) check.Finding {
	f := check.Finding{
		ID: idOf[c.Outcome], Component: componentOf(c), Summary: c.String(), Cause: c.Kind + " " + c.Resource, Fix: s.command("up", "--refresh"),
	}
	if c.DataLoss != "" {
		f.Cause += ", whose update loses data: " + c.DataLoss
	}
	switch c.Outcome {
	case report.Created:
		f.Got, f.Wanted = "it does not exist", "the resource of the program"
	case report.Removed:
		f.Got, f.Wanted = "it exists", "no such resource"
	default:
		f.Got, f.Wanted = report.Sides(c.Properties)
	}
	return f
}

// componentOf uses the program's naming: a resource's name begins with its component's.
func componentOf(c report.Change) check.Component {
	prefix, _, _ := strings.Cut(c.Resource, "-")
	switch kind, _, _ := strings.Cut(c.Kind, " "); {
	case kind == "keycloak":
		return check.Realm
	case slices.Contains(check.Components(), check.Component(prefix)):
		return check.Component(prefix)
	case kind == "docker":
		return check.Host
	}
	return check.MLflow
}
