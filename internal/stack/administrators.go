package stack

import (
	"context"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/master"
)

// administrators is how progress and differences call what the tool sets inside
// Keycloak, and not the program: realm master, and who may do what there.
const administrators = "administrators"

// settleAdministrators does that once Keycloak is ready, see package master.
func (s *Stack) settleAdministrators(ctx context.Context, step Step) (Changes, error) {
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("looking at Keycloak's %s", administrators)
	mended, err := master.Of(told).Settle(ctx)
	if err != nil {
		return nil, err
	}
	if len(mended) == 0 {
		return Changes{}, nil
	}
	step.Say("%s done, set %d things", administrators, len(mended))
	return Changes{"update": 1}, nil
}

// differingAdministrators is what settleAdministrators would set. Where a service is
// to be made anew that Keycloak needs, there is nobody to ask.
func (s *Stack) differingAdministrators(ctx context.Context, step Step, found []Difference) ([]Difference, error) {
	needed := []string{"postgres-container", "keycloak-container", "edge-container"}
	if slices.ContainsFunc(found, func(d Difference) bool { return slices.Contains(needed, d.Resource) }) {
		step.Say("%s cannot be looked at before the rest is mended", administrators)
		return nil, nil
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	differs, err := master.Of(told).Differences(ctx)
	if err != nil || len(differs) == 0 {
		return nil, err
	}
	properties := make([]string, 0, len(differs))
	for _, d := range differs {
		properties = append(properties, d.What)
	}
	slices.SortFunc(properties, strings.Compare)
	return []Difference{{Resource: administrators, Operation: "update", Properties: properties}}, nil
}
