package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/encryptionkey"
)

// encryptionKeys are keys of secrets that users store in MLflow. The secrets outlive every
// container, so a comparison reads the database, and deleting a resource leaves them.
type encryptionKeys struct{ inContainer }

var _ kind = encryptionKeys{}

func (encryptionKeys) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	failures := required(inputs, mlflow.KeyContainer, mlflow.KeyLabel, mlflow.KeyVersion, mlflow.KeyValue)
	if label := credentials.Label(text(inputs, mlflow.KeyLabel)); label != "" && !encryptionkey.Known(label) {
		failures = append(failures, plugin.CheckFailure{Property: mlflow.KeyLabel, Reason: fmt.Sprintf(
			"is %q, want %s or %s", label, credentials.MLflowGateway, credentials.MLflowWebhooks)})
	}
	return inputs, append(failures, versions(inputs, mlflow.KeyVersion, mlflow.KeyPrevious)...)
}

func (encryptionKeys) identity(inputs resource.PropertyMap) string {
	return text(inputs, mlflow.KeyContainer) + "/" + text(inputs, mlflow.KeyLabel)
}

func (encryptionKeys) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{mlflow.KeyVersion, mlflow.KeyValue, mlflow.KeyPrevious}
}

func (k encryptionKeys) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	keys, err := storedKeys(c.inputs)
	if err != nil {
		return nil, err
	}
	server := text(c.inputs, mlflow.KeyContainer)
	var found encryptionkey.Found
	err = k.doReady(ctx, at, server, func(docker containers) (err error) {
		found, err = encryptionkey.Rewrap(ctx, docker, server, keys)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w; the next `pulumi up` tries again", err)
	}
	if message := found.Message(); message != "" {
		at.say(message)
	}
	if warning := found.Warning(); warning != "" {
		at.warn(warning)
	}
	return c.inputs, nil
}

// read puts the version of a previous key into the inputs if that key still encrypts something.
func (k encryptionKeys) read(ctx context.Context, at target, known recorded) (*recorded, error) {
	keys, err := storedKeys(known.inputs)
	if err != nil {
		return nil, err
	}
	var found encryptionkey.Found
	err = k.do(ctx, func(docker containers) (err error) {
		found, err = encryptionkey.Report(ctx, docker, text(known.inputs, mlflow.KeyContainer), keys)
		return err
	})
	if err != nil {
		return nil, err
	}
	if warning := found.Warning(); warning != "" {
		at.warn(warning)
	}
	now := known.inputs.Copy()
	if version := found.Version(); version != "" {
		now[mlflow.KeyVersion] = resource.NewProperty(version)
	}
	return same(now), nil
}

// storedKeys returns the keys of inputs.
func storedKeys(inputs resource.PropertyMap) (encryptionkey.Keys, error) {
	keys := encryptionkey.Keys{Label: credentials.Label(text(inputs, mlflow.KeyLabel))}
	var err error
	if keys.Current, err = keyOf(text(inputs, mlflow.KeyVersion), inputs[mlflow.KeyValue]); err != nil {
		return keys, err
	}
	keys.Previous, err = previousKeys(inputs[mlflow.KeyPrevious])
	return keys, err
}

// previousKeys returns the previous values of a credential, which an input contains by version.
func previousKeys(input resource.PropertyValue) (keys []credentials.Key, err error) {
	all := members(input)
	for _, version := range slices.Sorted(maps.Keys(all)) {
		key, err := keyOf(string(version), all[version])
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func keyOf(version string, value resource.PropertyValue) (credentials.Key, error) {
	root, generation, err := credentials.ParseVersion(version)
	if err != nil {
		return credentials.Key{}, err
	}
	text, ok := plain(value).V.(string)
	if !ok || text == "" {
		return credentials.Key{}, fmt.Errorf("key of version %s: got no text, want a derived value", version)
	}
	return credentials.Key{Number: credentials.VersionNumber(root, generation), Value: text}, nil
}

// versions requires the versions of a key and of its previous values.
func versions(inputs resource.PropertyMap, current, previous resource.PropertyKey) (failures []plugin.CheckFailure) {
	if version := text(inputs, current); version != "" {
		if _, _, err := credentials.ParseVersion(version); err != nil {
			failures = append(failures, plugin.CheckFailure{Property: current, Reason: err.Error()})
		}
	}
	if value := plain(inputs[previous]); !value.IsObject() {
		return append(failures, plugin.CheckFailure{Property: previous, Reason: "is missing, want the earlier values by their versions"})
	}
	all := members(inputs[previous])
	for _, version := range slices.Sorted(maps.Keys(all)) {
		if _, err := keyOf(string(version), all[version]); err != nil {
			failures = append(failures, plugin.CheckFailure{Property: previous, Reason: err.Error()})
		}
	}
	return failures
}
