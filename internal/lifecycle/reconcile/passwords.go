package reconcile

import (
	"context"
	"errors"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// PendingPasswords are those of people which an update will set again: no resource differs
// by them.
func PendingPasswords(ctx context.Context, s *stack.Stack) ([]report.Change, error) {
	deployed, err := s.Outputs(ctx)
	if errors.Is(err, stack.ErrNotUp) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set := s.Config.Credentials
	var properties []report.Property
	rotating := func(username, had string, label credentials.Label) {
		// A stack that an earlier version has made does not say which it has.
		if now := credentials.Version(set.Root, set.Generations[label]); had != "" && had != now {
			properties = append(properties, report.Property{Name: "edition of the password of " + username, Old: text(had), New: text(now)})
		}
	}
	if deployed.Keycloak.Admin.Exists() && s.Config.Keycloak.PermanentAdmin {
		rotating(deployed.Keycloak.Admin.Username, deployed.Keycloak.Admin.Edition, credentials.KeycloakAdmin)
	}
	for _, user := range deployed.DemoUsers {
		rotating(user.Username, user.Edition, credentials.Label(strings.Replace(user.Username, "-", "/", 1)))
	}
	if len(properties) == 0 {
		return nil, nil
	}
	return []report.Change{{Resource: administrators, Kind: "passwords in keycloak", Outcome: report.Changed, Properties: properties}}, nil
}
