// Package rotation refuses decreasing generations, and sets the root secret of a restored stack.
// The update rotates the credentials themselves.
package rotation

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// SetRootSecret replaces the root secrets in the state, for a stack in which nothing was derived
// from them yet.
func SetRootSecret(ctx context.Context, s *stack.Stack, root string) error {
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
		return stack.WithResources(deployment, func(all []stack.Member) ([]stack.Member, error) {
			for _, resource := range all {
				if stack.TextOf(resource["type"]) != stack.TypeRootSecret {
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

// setSecrets changes secret outputs of a resource, in plain text in the exported state; Pulumi
// encrypts them again.
func setSecrets(resource stack.Member, values map[string]string) error {
	var outputs stack.Member
	if err := json.Unmarshal(resource["outputs"], &outputs); err != nil {
		return err
	}
	for name, value := range values {
		var marked stack.Member
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
