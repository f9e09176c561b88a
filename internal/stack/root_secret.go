package stack

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/platform"
)

// RootSecrets are the root secrets in the state, in base64, by number.
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

// Keys are the credentials as the settings want them and as they were before, as far as
// the state has the root secrets.
func (s *Stack) Keys(ctx context.Context) (credentials.Keys, error) {
	read, err := s.ReadState(ctx)
	if err != nil {
		return credentials.Keys{}, err
	}
	return credentials.Keys{Roots: read.RootSecrets(), Root: s.Config.Credentials.Root, Generations: s.Config.Credentials.Generations}, nil
}

// RootSecret is the root secret of now, in base64.
func (s *Stack) RootSecret(ctx context.Context) (string, error) {
	keys, err := s.Keys(ctx)
	if err != nil {
		return "", err
	}
	if root := keys.Roots[keys.Root]; root != "" {
		return root, nil
	}
	return "", fmt.Errorf("stack %q: the state has no root secret %d in clear: %w", s.Name, keys.Root, ErrNotUp)
}

// setRoot puts another root secret in the place of those in the state: for a stack in
// which nothing was derived of them yet.
func (s *Stack) setRoot(ctx context.Context, root string) error {
	raw, err := base64.StdEncoding.DecodeString(root)
	if err != nil {
		return errors.New("the root secret to be set is no base64")
	}
	read, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	values := map[string]string{"base64": root, "hex": hex.EncodeToString(raw)}
	set := false
	err = s.WriteState(ctx, read, "change of the state", func(deployment json.RawMessage) (json.RawMessage, error) {
		return WithResources(deployment, func(all []Member) ([]Member, error) {
			for _, resource := range all {
				if TextOf(resource["type"]) != TypeRootSecret {
					continue
				}
				set = true
				if err := setSecrets(resource, values); err != nil {
					return nil, err
				}
			}
			return all, nil
		})
	})
	if err == nil && !set {
		err = errors.New("the state has no root secret to be replaced")
	}
	return err
}

// setSecrets changes secret outputs of a resource, in clear as the state is exported;
// Pulumi encrypts them again.
func setSecrets(resource Member, values map[string]string) error {
	var outputs Member
	if err := json.Unmarshal(resource["outputs"], &outputs); err != nil {
		return err
	}
	for name, value := range values {
		var marked Member
		if err := json.Unmarshal(outputs[name], &marked); err != nil || len(marked["plaintext"]) == 0 {
			return fmt.Errorf("the output %s of the root secret is not marked as a secret in the state", name)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if marked["plaintext"], err = json.Marshal(string(encoded)); err != nil {
			return err
		}
		if outputs[name], err = json.Marshal(marked); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(outputs)
	resource["outputs"] = encoded
	return err
}

// unprotected takes all protection away.
func unprotected(deployment json.RawMessage) (json.RawMessage, error) {
	return WithResources(deployment, func(all []Member) ([]Member, error) {
		for _, resource := range all {
			delete(resource, "protect")
		}
		return all, nil
	})
}
