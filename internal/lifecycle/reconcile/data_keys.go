package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/backup"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/encryptionkey"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// compareTimeout limits the comparison, which an update skips if it takes longer.
const compareTimeout = time.Minute

// DataKeysDiffer reports whether data is encrypted with a key other than the one that the last
// update set: a user has loaded older data, or removed the backup's state. It returns false if a
// container cannot be queried. Pulumi only detects this in a refresh.
func DataKeysDiffer(ctx context.Context, s *stack.Stack, deployed outputs.Stack) bool {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	keys, err := s.Keys(ctx)
	if err != nil {
		return false
	}
	keys = keysOf(deployed, keys.Roots)
	return storedSecretsDiffer(ctx, s, deployed, keys) || repositoryDiffers(ctx, s, deployed, keys)
}

// keysOf returns the keys of the last update, whatever the current settings are.
func keysOf(deployed outputs.Stack, roots map[int]string) credentials.Keys {
	keys := credentials.Keys{Roots: roots, Root: deployed.CredentialVersions.Root, Generations: map[credentials.Label]int{}}
	for _, one := range deployed.CredentialVersions.Generations {
		keys.Generations[credentials.Label(one.Label)] = one.Generation
	}
	return keys
}

func storedSecretsDiffer(ctx context.Context, s *stack.Stack, deployed outputs.Stack, keys credentials.Keys) bool {
	var labels []credentials.Label
	// MLflow stores the key's number with each API key, so nothing can differ from the first.
	if keys.Version(credentials.MLflowGateway) != credentials.FirstVersion {
		labels = append(labels, credentials.MLflowGateway)
	}
	if len(deployed.MLflow.WebhookTargets) > 0 {
		labels = append(labels, credentials.MLflowWebhooks)
	}
	return slices.ContainsFunc(labels, func(label credentials.Label) bool {
		current, err := keys.Current(label)
		if err != nil {
			return false
		}
		previous, err := keys.Previous(label)
		if err != nil {
			return false
		}
		found, err := encryptionkey.Report(ctx, s.Docker, deployed.MLflow.Container, encryptionkey.Keys{Label: label, Current: current, Previous: previous})
		return err == nil && found.Version() != ""
	})
}

func repositoryDiffers(ctx context.Context, s *stack.Stack, deployed outputs.Stack, keys credentials.Keys) bool {
	set := s.Config.Backup
	if set == nil || !deployed.Backup.Exists() {
		return false
	}
	passphrase, err := set.RecoveryPassphraseFile.Read()
	if err != nil {
		return false
	}
	found, err := backup.Client{Docker: s.Docker, Container: deployed.Backup.Container}.Recovery(ctx, passphrase)
	return err == nil && (!found.KeyOpens || !found.Recoverable(keys.Roots[keys.Root], passphrase))
}
