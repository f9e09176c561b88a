package platform

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/backup"
	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/objectstore"
)

// Databases returns a stack's databases in the order in which a snapshot reads them: users and
// permissions, which MLflow's data refers to, come after it.
func Databases() []string { return []string{mlflowDatabase, authDatabase, keycloakDatabase} }

// backupReaderPassword returns the password of the role that reads all databases; nil without a
// backup.
func (p *Platform) backupReaderPassword() pulumi.StringInput {
	if p.config.Backup == nil {
		return nil
	}
	return p.credentials.Password(credentials.PostgresBackup)
}

// makeBackup creates the backup container, if the settings enable it.
func (p *Platform) makeBackup(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
	set := p.config.Backup
	if set == nil {
		return nil
	}
	key, err := p.repositoryKey()
	if err != nil {
		return err
	}
	args := &backup.Args{
		Deployment:        p.config.Name,
		Image:             p.images["backup"],
		MemoryMB:          set.MemoryMB,
		Restart:           p.config.RestartPolicy,
		Databases:         p.databases,
		Order:             Databases(),
		Artifacts:         p.mlflow.Artifacts,
		ExternalArtifacts: p.artifacts.URI,
		Folder:            set.Directory,
		Repository:        set.Repository(backup.RepositoryPath),
		Key:               key,
		OwnProvider:       p.plugin,
		Interval:          set.Interval,
		Last:              set.Keep.Last,
		Daily:             set.Keep.Daily,
		Weekly:            set.Keep.Weekly,
		Monthly:           set.Keep.Monthly,
		VerifyWithin:      set.VerifyWithin,
		Ready:             p.mlflow.Ready, // there is nothing to back up before that
	}
	if p.postgres != nil {
		args.Databases, args.Data = p.postgres.Read, p.network.Data
	}
	if p.postgres == nil || set.S3 != nil {
		args.Edge = p.network.Edge
	}
	if set.S3 != nil {
		secret, err := set.S3.SecretKeyFile.Read()
		if err != nil {
			return fmt.Errorf("backup.s3.secretKeyFile: %w", err)
		}
		args.Bucket, err = objectstore.External{
			Bucket: set.S3.Bucket, Prefix: set.S3.Prefix, Endpoint: set.S3.Endpoint, Region: set.S3.Region,
			AccessKeyID: set.S3.AccessKeyID, SecretKey: secret,
		}.Connect()
		if err != nil {
			return err
		}
	}
	name, opts := p.child("backup", opts)
	made, err := backup.New(ctx, name, args, opts...)
	if err == nil {
		p.backup = made
	}
	return err
}

// repositoryKey manages what decrypts the snapshots. The recovery passphrase decrypts the root
// secret of every snapshot, so it stays in its file, and the state contains only a digest.
func (p *Platform) repositoryKey() (backup.Key, error) {
	passphrase, err := p.config.Backup.RecoveryPassphraseFile.Read()
	if err != nil {
		return backup.Key{}, fmt.Errorf("backup.recoveryPassphraseFile: %w", err)
	}
	history, root := p.credentials.History(credentials.BackupRepository), p.credentials.Root()
	return backup.Key{
		Version: history.Version, Value: history.Value, Previous: history.Previous, RootSecret: root,
		PassphraseFile: string(p.config.Backup.RecoveryPassphraseFile),
		// Keyed with the root secret, the digest reveals nothing without it.
		PassphraseDigest: root.ApplyT(func(root string) string {
			sum := hmac.New(sha256.New, []byte(root))
			sum.Write([]byte(passphrase))
			return hex.EncodeToString(sum.Sum(nil)[:16])
		}).(pulumi.StringOutput),
	}, nil
}

// backupOutputs are empty without a backup.
func (p *Platform) backupOutputs() pulumi.Map {
	if p.backup == nil {
		return pulumi.Map{"container": pulumi.String(""), "place": pulumi.String("")}
	}
	return pulumi.Map{"container": p.backup.Container, "place": pulumi.String(p.config.Backup.Place())}
}
