// Package reconcile sets, after an update, what Pulumi's program does not describe: Keycloak's
// realm master, members of managed groups, invitations, and who can open the snapshots.
package reconcile

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// administrators is how progress and differences call what the tool sets inside
// Keycloak, and not the program: realm master, and who may do what there.
const administrators = "administrators"

// AdminRealm does that once Keycloak is ready, see package master.
func AdminRealm(ctx context.Context, s *stack.Stack, step stack.Step) (stack.Changes, error) {
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("checking Keycloak's %s", administrators)
	changed, err := adminrealm.New(deployed).Reconcile(ctx)
	if err != nil {
		return nil, err
	}
	if len(changed) == 0 {
		return stack.Changes{}, nil
	}
	step.Say("%s done, set %d things", administrators, len(changed))
	return stack.Changes{"update": 1}, nil
}

// AdminRealmDifferences is what AdminRealm would set. Where a service is
// to be recreated that Keycloak needs, there is nobody to ask.
func AdminRealmDifferences(ctx context.Context, s *stack.Stack, step stack.Step, found []report.Change) ([]report.Change, error) {
	if RealmUnreadable(found) {
		step.Say("%s cannot be checked before the rest is fixed", administrators)
		return nil, nil
	}
	deployed, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	differs, err := adminrealm.New(deployed).Differences(ctx)
	if err != nil || len(differs) == 0 {
		return nil, err
	}
	properties := make([]report.Property, 0, len(differs))
	for _, d := range differs {
		properties = append(properties, report.Property{Name: d.What, Old: text(d.Got), New: text(d.Wanted)})
	}
	slices.SortFunc(properties, func(x, y report.Property) int { return strings.Compare(x.Name, y.Name) })
	return []report.Change{{Resource: administrators, Kind: "keycloak realm master", Outcome: report.Changed, Properties: properties}}, nil
}

// RealmUnreadable says whether Keycloak cannot be asked for anything.
func RealmUnreadable(found []report.Change) bool {
	needed := []string{"postgres-container", "keycloak-container", "edge-container", "realm-realm"}
	return slices.ContainsFunc(found, func(c report.Change) bool {
		return slices.Contains(needed, c.Resource) && (c.Resource != "realm-realm" || c.Outcome == report.Created)
	})
}

// text is a value as it stands in JSON.
func text(value string) json.RawMessage {
	encoded, _ := json.Marshal(value) // a string always marshals
	return encoded
}
