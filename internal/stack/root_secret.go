package stack

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// RootSecrets returns the root secrets in the state, in base64, by number.
func (s *State) RootSecrets() map[int]string {
	all := map[int]string{}
	for _, r := range s.Of(TypeRootSecret) {
		marked, ok := r.Outputs["base64"].(map[string]any)
		if !ok || !isSecret(marked) {
			continue
		}
		plain, _ := marked["plaintext"].(string)
		var root string
		if json.Unmarshal([]byte(plain), &root) != nil || root == "" {
			continue
		}
		for n := 1; n <= credentials.MostGenerations; n++ {
			if r.URN.Name() == credentials.RootName(platform.CredentialsName, n) {
				all[n] = root
				break
			}
		}
	}
	return all
}

// Keys returns the current and previous credentials, as far as the state has the root secrets.
func (s *Stack) Keys(ctx context.Context) (credentials.Keys, error) {
	read, err := s.ReadState(ctx)
	if err != nil {
		return credentials.Keys{}, err
	}
	return credentials.Keys{Roots: read.RootSecrets(), Root: s.Config.Credentials.Root, Generations: s.Config.Credentials.Generations}, nil
}

// RootSecret returns the current root secret, in base64.
func (s *Stack) RootSecret(ctx context.Context) (string, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return "", err
	}
	if root := keys.Roots[keys.Root]; root != "" {
		return root, nil
	}
	return "", fmt.Errorf("stack %q: the state has no plain-text root secret %d: %w", s.Name, keys.Root, ErrNotUp)
}

// TypeKeycloakProvider is the type of the Keycloak provider in the state.
const TypeKeycloakProvider = "pulumi:providers:keycloak"

// KeycloakLogin returns the credentials of the state's Keycloak provider; false if there is none. A
// refresh uses them, whatever the settings are.
func (s *State) KeycloakLogin() (login outputs.Keycloak, ok bool) {
	for _, r := range s.Of(TypeKeycloakProvider) {
		login.AdminURL, _ = r.Inputs["url"].(string)
		login.Provider.ID, _ = r.Inputs["clientId"].(string)
		if marked, is := r.Inputs["clientSecret"].(map[string]any); is && isSecret(marked) {
			plain, _ := marked["plaintext"].(string)
			ok = json.Unmarshal([]byte(plain), &login.Provider.Secret) == nil
		}
	}
	return login, ok
}
