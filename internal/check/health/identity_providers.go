package health

import (
	"context"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/idpcheck"
)

// checkIdentityProviders lets Keycloak query each identity provider and directory.
func (d *doctor) checkIdentityProviders(ctx context.Context) ([]Finding, error) {
	troubles, err := idpcheck.Check(ctx, d.Stack)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, t := range troubles {
		f := d.inside(check.ID(t.ID), t.What, t.Got, t.Wanted, "identity provider "+t.Alias+" (setting identityProviders)")
		switch {
		case strings.HasPrefix(t.At, "ldap"):
			// Keycloak's log contains the error of the directory or its certificate.
			f.Fix = "docker logs --tail 50 " + d.Stack.Keycloak.Container
			if t.ID == idpcheck.Refused {
				f.Fix = d.up() + " # after the right password is in its bindPasswordFile"
			}
		case t.ID == idpcheck.Unreachable || t.ID == idpcheck.Differs:
			// An update neither restores a provider nor reads its current metadata.
			f.Fix = "curl --fail --silent --show-error '" + t.At + "' # then put it in place of its metadataFile, and: " + d.up()
		}
		found = append(found, f)
	}
	return found, nil
}
