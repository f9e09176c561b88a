package stack

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// administrators is how progress and differences call what the tool sets inside
// Keycloak, and not the program: realm master, and who may do what there.
const administrators = "administrators"

// reconcileAdminRealm does that once Keycloak is ready, see package master.
func (s *Stack) reconcileAdminRealm(ctx context.Context, step Step) (Changes, error) {
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	step.Say("looking at Keycloak's %s", administrators)
	mended, err := adminrealm.New(told).Reconcile(ctx)
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
func (s *Stack) differingAdministrators(ctx context.Context, step Step, found []report.Change) ([]report.Change, error) {
	if s.realmUnreadable(found) {
		step.Say("%s cannot be looked at before the rest is mended", administrators)
		return nil, nil
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return nil, err
	}
	differs, err := adminrealm.New(told).Differences(ctx)
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

// turningPasswords are those of people which an update will set anew: no resource differs
// by them.
func (s *Stack) turningPasswords(ctx context.Context) ([]report.Change, error) {
	told, err := s.Outputs(ctx)
	if errors.Is(err, ErrNotUp) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set := s.Config.Credentials
	var properties []report.Property
	turning := func(username, had string, label credentials.Label) {
		// A stack that an earlier version has made does not say which it has.
		if now := credentials.Version(set.Root, set.Generations[label]); had != "" && had != now {
			properties = append(properties, report.Property{Name: "edition of the password of " + username, Old: text(had), New: text(now)})
		}
	}
	if told.Keycloak.Admin.Exists() && s.Config.Keycloak.PermanentAdmin {
		turning(told.Keycloak.Admin.Username, told.Keycloak.Admin.Edition, credentials.KeycloakAdmin)
	}
	for _, user := range told.DemoUsers {
		turning(user.Username, user.Edition, credentials.Label(strings.Replace(user.Username, "-", "/", 1)))
	}
	if len(properties) == 0 {
		return nil, nil
	}
	return []report.Change{{Resource: administrators, Kind: "passwords in keycloak", Outcome: report.Changed, Properties: properties}}, nil
}

// realmUnreadable says whether Keycloak cannot be asked for anything.
func (s *Stack) realmUnreadable(found []report.Change) bool {
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
