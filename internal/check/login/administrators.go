package login

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/scenario"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/adminrealm"
)

// checkAdministrators checks realm master: its settings, its users, and its addresses.
func (p *proof) checkAdministrators(ctx context.Context) (string, error) {
	realm := adminrealm.New(p.Stack)
	expired, err := realm.DeleteExpiredAdmins(ctx)
	if err != nil {
		return "", err
	}
	found, err := realm.Differences(ctx)
	if err != nil {
		return "", err
	}
	unknown, err := realm.UnknownAdmins(ctx)
	if err != nil {
		return "", err
	}
	if err := judgeAdministrators(found, unknown); err != nil {
		return "", err
	}
	if err := p.masterAddress(ctx); err != nil {
		return "", err
	}
	said := "realm master has no administrator"
	if admin := p.Stack.Keycloak.Admin; admin.Exists() {
		said = admin.Username + " is the only administrator of realm master"
	}
	if len(expired) > 0 {
		said += fmt.Sprintf("; expired ones deleted: %d", len(expired))
	}
	return said + "; brute force detection, short sessions and admin events are on", nil
}

// judgeAdministrators requires no differences and no unknown users.
func judgeAdministrators(found []adminrealm.Difference, unknown []string) error {
	if len(unknown) > 0 {
		return check.MismatchNext(fmt.Sprintf("administrators that the stack did not create: %q", unknown), "none",
			"if none of your operators created them, treat Keycloak as compromised; remove them with `mlflow-sso console`, in realm master")
	}
	if len(found) == 0 {
		return nil
	}
	got, wanted := make([]string, 0, len(found)), make([]string, 0, len(found))
	for _, d := range found {
		got, wanted = append(got, d.What+" "+d.Got), append(wanted, d.What+" "+d.Wanted)
	}
	return check.Mismatch(strings.Join(got, ", "), strings.Join(wanted, ", "))
}

// masterAddress reads the realm's discovery document. Behind an edge its addresses are on this
// host: the console logs in there, and the public name does not expose the realm.
func (p *proof) masterAddress(ctx context.Context) error {
	k := p.Stack.Keycloak
	page, err := p.NewBrowser().Fetch(ctx, http.MethodGet, k.AdminURL+"/realms/master/.well-known/openid-configuration", nil, nil)
	if err != nil {
		return err
	}
	if err := scenario.ExpectStatus(page.Status, http.StatusOK, "realm master on this host"); err != nil {
		return err
	}
	var d scenario.Discovery
	if err := page.JSON(&d); err != nil {
		return err
	}
	site := k.URL
	if p.Stack.Edge.Exists() {
		site = k.AdminURL
	}
	return scenario.JudgeDiscovery(d, site+"/realms/master", site, k.AdminURL, "an administrator")
}
