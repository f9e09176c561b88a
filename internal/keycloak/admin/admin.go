// Package admin opens Keycloak's admin API with the service account that the
// program itself uses.
package admin

import (
	"context"
	"errors"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// realm is where the service account is.
const realm = "master"

// Open logs in. The token is short-lived; no call may take longer than within. The
// error says nothing but why Keycloak refused, or did not answer.
func Open(ctx context.Context, keycloak outputs.Keycloak, within time.Duration) (api *gocloak.GoCloak, token string, err error) {
	api = gocloak.NewClient(keycloak.AdminURL)
	api.RestyClient().SetTimeout(within)
	login, err := api.LoginClient(ctx, keycloak.Provider.ID, keycloak.Provider.Secret, realm)
	if err != nil {
		return nil, "", err
	}
	return api, login.AccessToken, nil
}

// Status is Keycloak's answer in an error; 0 where there was none.
func Status(err error) int {
	var answer *gocloak.APIError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}
