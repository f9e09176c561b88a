package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	component "github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
)

// noVersion is the result of a comparison if another key opens the repository.
const noVersion = "unknown"

// repositoryKeys are the keys of a snapshot repository. It outlives every container, and the
// stack itself, so deleting a resource leaves the repository's keys.
type repositoryKeys struct{ inContainer }

var _ kind = repositoryKeys{}

func (repositoryKeys) check(inputs resource.PropertyMap) (resource.PropertyMap, []plugin.CheckFailure) {
	failures := required(inputs, component.KeyContainer, component.KeyVersion, component.KeyValue, component.KeyRootSecret,
		component.KeyPassphraseFile, component.KeyPassphraseDigest)
	checked := inputs.Copy()
	checked[component.KeyRecoverable] = resource.NewProperty(true) // only a comparison finds another
	return checked, append(failures, versions(inputs, component.KeyVersion, component.KeyPrevious)...)
}

func (repositoryKeys) identity(inputs resource.PropertyMap) string {
	return text(inputs, component.KeyContainer) + "/" + string(credentials.BackupRepository)
}

func (repositoryKeys) inPlace() []resource.PropertyKey {
	return []resource.PropertyKey{
		component.KeyVersion, component.KeyValue, component.KeyPrevious, component.KeyRootSecret,
		component.KeyPassphraseFile, component.KeyPassphraseDigest, component.KeyRecoverable,
	}
}

func (k repositoryKeys) set(ctx context.Context, at target, c change) (resource.PropertyMap, error) {
	recovery, err := recoveryOf(c.inputs)
	if err != nil {
		return nil, err
	}
	name := text(c.inputs, component.KeyContainer)
	err = k.doReady(ctx, at, name, func(docker containers) error {
		return backup.Client{Docker: docker, Container: name}.SetRecovery(ctx, recovery)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w; the next `pulumi up` tries again", credentials.BackupRepository, err)
	}
	return c.inputs, nil
}

// read reports which results of set are missing.
func (k repositoryKeys) read(ctx context.Context, _ target, known recorded) (*recorded, error) {
	passphrase, err := passphraseOf(known.inputs)
	if err != nil {
		return nil, err
	}
	var found backup.RecoveryState
	err = k.do(ctx, func(docker containers) (err error) {
		found, err = backup.Client{Docker: docker, Container: text(known.inputs, component.KeyContainer)}.Recovery(ctx, passphrase)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := known.inputs.Copy()
	if !found.KeyOpens {
		now[component.KeyVersion] = resource.NewProperty(noVersion)
	}
	if !found.Recoverable(text(known.inputs, component.KeyRootSecret), passphrase) {
		now[component.KeyRecoverable] = resource.NewProperty(false)
	}
	return same(now), nil
}

// recoveryOf returns what set passes to the container. The passphrase is only in its file.
func recoveryOf(inputs resource.PropertyMap) (backup.Recovery, error) {
	passphrase, err := passphraseOf(inputs)
	if err != nil {
		return backup.Recovery{}, err
	}
	recovery := backup.Recovery{Passphrase: passphrase, Root: text(inputs, component.KeyRootSecret), Version: text(inputs, component.KeyVersion)}
	previous, err := previousKeys(inputs[component.KeyPrevious])
	if err != nil {
		return backup.Recovery{}, err
	}
	// After a restore all root secrets are the snapshot's, and a previous key may be the current one.
	current := text(inputs, component.KeyValue)
	previous = slices.DeleteFunc(previous, func(key credentials.Key) bool { return key.Value == current })
	// The newest one first: a rotation replaces that one.
	slices.SortFunc(previous, func(a, b credentials.Key) int { return b.Number - a.Number })
	for _, key := range previous {
		recovery.Previous = append(recovery.Previous, key.Value)
	}
	return recovery, nil
}

func passphraseOf(inputs resource.PropertyMap) (string, error) {
	passphrase, err := credentials.FromFile(text(inputs, component.KeyPassphraseFile))
	if err != nil {
		return "", fmt.Errorf("%s: %w", component.KeyPassphraseFile, err)
	}
	return passphrase, nil
}
