package stack

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
)

// What the program cannot turn, the tool does: it knows every value that a credential had,
// so it looks which of them a service still has and gives it the one of now. Where nothing
// is to be done that changes nothing, so whatever an update that was killed has left of a
// turn is done by the next one, and so is what a snapshot from before a turn brings back.

// rejectGenerationDecrease refuses a generation that is lower than the one that the stack has: who had
// the old value would be let in again.
func (s *Stack) rejectGenerationDecrease(ctx context.Context) error {
	told, err := s.Outputs(ctx)
	if errors.Is(err, ErrNotUp) {
		return nil
	}
	if err != nil {
		return err
	}
	return lowered(told.CredentialVersions, s.Config.Credentials.Root, s.Config.Credentials.Generations, s.Config.IsDerivedCredential)
}

func lowered(had outputs.CredentialVersions, root int, generations map[credentials.Label]int, turns func(credentials.Label) bool) error {
	if root < had.Root {
		return fmt.Errorf("credentials.root: got %d, want %d or more: that many root secrets the stack has had", root, had.Root)
	}
	for _, one := range had.Generations {
		label := credentials.Label(one.Label)
		if now := max(generations[label], 1); now < one.Generation && turns(label) {
			return fmt.Errorf("credentials.generations.%s: got %d, want %d or more: the stack has had that one, and an older value is not taken again", label, now, one.Generation)
		}
	}
	return nil
}

// rotateRootSecret makes the root secret that the settings ask for, alone: what depends on it can
// be told only once it is there.
func (s *Stack) rotateRootSecret(ctx context.Context, step Step, known *state) (Changes, error) {
	roots := known.roots()
	if _, there := roots[s.Config.Credentials.Root]; there || len(roots) == 0 {
		return nil, nil
	}
	step.Say("making another root secret")
	return s.update(ctx, step, false, optup.Target(s.rootsAlone()))
}

const typeKeycloak = "pulumi:providers:keycloak"

// outdated says whether the state has another secret of the program's service account
// than the settings want: what is inside Keycloak cannot be looked at with that one.
func (s *state) outdated(want string) bool {
	return slices.ContainsFunc(s.of(typeKeycloak), func(r apitype.ResourceV3) bool {
		marked, ok := r.Inputs["clientSecret"].(map[string]any)
		if !ok || !isSecret(marked) {
			return false
		}
		plain, _ := marked["plaintext"].(string)
		var secret string
		return json.Unmarshal([]byte(plain), &secret) == nil && secret != want
	})
}

// refreshImpossible says whether the state asks Keycloak with a secret that is about to be, or
// was just, turned.
func (s *Stack) refreshImpossible(ctx context.Context) (bool, error) {
	keys, err := s.keys(ctx)
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
	read, err := s.readState(ctx)
	return err == nil && read.outdated(now.Value), err
}

// rotateProviderSecret gives the program's service account in Keycloak the secret of now, if it
// has an older one. Where Keycloak does not answer nothing is done: who needs it asks again
// once it runs.
func (s *Stack) rotateProviderSecret(ctx context.Context, step Step) error {
	told, err := s.Outputs(ctx)
	if errors.Is(err, ErrNotUp) {
		return nil
	}
	keys, failed := s.keys(ctx)
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
	api := gocloak.NewClient(told.Keycloak.AdminURL)
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
		step.Say("turning %s in Keycloak", credentials.KeycloakProvider)
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
	var answer *gocloak.APIError
	return errors.As(err, &answer) && answer.Code == http.StatusUnauthorized
}

//go:embed rewrap_api_keys.py
var gatewayScript string

// rewrapGatewayKeys sees that the key of now opens the API keys which people have stored in
// MLflow. It is done once no process with the key of before can write another one.
func (s *Stack) rewrapGatewayKeys(ctx context.Context, step Step) error {
	keys, err := s.keys(ctx)
	if err != nil || keys.Version(credentials.MLflowGateway) == credentials.FirstVersion {
		return err
	}
	told, err := s.Outputs(ctx)
	if err != nil {
		return err
	}
	now, err := keys.Current(credentials.MLflowGateway)
	if err != nil {
		return err
	}
	before, err := keys.Previous(credentials.MLflowGateway)
	if err != nil {
		return err
	}
	input, err := json.Marshal(map[string]any{"now": now, "before": before})
	if err != nil {
		return err
	}
	step.Say("looking at the API keys that are stored in MLflow")
	ran, err := s.Docker.Exec(ctx, told.MLflow.Container, []string{"python", "-c", gatewayScript}, engine.Stdin(strings.NewReader(string(input))))
	if err == nil && ran.ExitCode != 0 {
		// The script says in its last line what is wrong, without a secret.
		lines := strings.Split(strings.TrimSpace(ran.Stderr), "\n")
		err = errors.New(lines[len(lines)-1])
	}
	if err != nil {
		return fmt.Errorf("turn %s: %w; `mlflow-sso up` goes on from there", credentials.MLflowGateway, err)
	}
	if turned := strings.TrimSpace(ran.Stdout); turned != "0" {
		step.Say("%s stored API keys are encrypted with the key of now", turned)
	}
	return nil
}
