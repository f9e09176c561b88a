// Package rotation rotates the credentials that the program alone cannot: the root secret and
// the secret of the program's own client in Keycloak.
//
// It knows every value that a credential had, so it finds out which of them a service still has
// and sets the current one. Where nothing is to be done it changes nothing, so the next update
// completes a rotation that was interrupted, and one that a restored snapshot has undone.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Nerzal/gocloak/v13"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/admin"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// ProviderSecretOutdated says whether the state asks Keycloak with a secret that is about to be, or
// was just, rotated.
func ProviderSecretOutdated(ctx context.Context, s *stack.Stack) (bool, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return false, err
	}
	if _, there := keys.Roots[keys.Root]; !there {
		return false, nil
	}
	now, err := keys.Current(credentials.KeycloakProvider)
	if err != nil {
		return false, err
	}
	read, err := s.ReadState(ctx)
	return err == nil && read.ProviderSecretOutdated(now.Value), err
}

// ProviderClient gives the program's service account in Keycloak the secret of now, if it
// has an older one. Where Keycloak does not answer nothing is done: who needs it asks again
// once it runs.
func ProviderClient(ctx context.Context, s *stack.Stack, step stack.Step) error {
	deployed, err := s.Outputs(ctx)
	if errors.Is(err, stack.ErrNotUp) {
		return nil
	}
	keys, failed := s.Keys(ctx)
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if _, there := keys.Roots[keys.Root]; !there {
		return nil // a stack that is made only now
	}
	now, err := keys.Current(credentials.KeycloakProvider)
	if err != nil {
		return err
	}
	const realm = "master"
	api := gocloak.NewClient(deployed.Keycloak.AdminURL)
	api.RestyClient().SetTimeout(time.Minute)
	_, err = api.LoginClient(ctx, keycloak.ProviderClientID, now.Value, realm)
	if !refuses(err) {
		return nil
	}
	before, err := keys.Previous(credentials.KeycloakProvider)
	if err != nil {
		return err
	}
	for _, key := range before {
		login, err := api.LoginClient(ctx, keycloak.ProviderClientID, key.Value, realm)
		if refuses(err) {
			continue
		}
		step.Say("rotating %s in Keycloak", credentials.KeycloakProvider)
		var all []*gocloak.Client
		if err == nil {
			all, err = api.GetClients(ctx, login.AccessToken, realm, gocloak.GetClientsParams{ClientID: gocloak.StringP(keycloak.ProviderClientID)})
		}
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("got %d clients %s in realm %s, want one", len(all), keycloak.ProviderClientID, realm)
		}
		if err == nil {
			all[0].Secret = &now.Value
			err = api.UpdateClient(ctx, login.AccessToken, realm, *all[0])
		}
		if err != nil {
			return fmt.Errorf("turn %s: %w; `mlflow-sso up` goes on from there", credentials.KeycloakProvider, err)
		}
		return nil
	}
	return nil // not one of ours: what the update says of it is more to the point
}

// refuses says of a login's error whether Keycloak does not take the secret.
func refuses(err error) bool {
	return admin.Status(err) == http.StatusUnauthorized
}
