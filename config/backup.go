package config

import (
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"time"
)

// Backup configures where snapshots are stored, how often one is created, and how long
// they are kept.
type Backup struct {
	// Directory is the absolute path of a folder on the Docker host for the snapshots.
	// Exactly one of directory and s3 is required.
	Directory string `json:"directory"`
	// S3 is a bucket for the snapshots.
	S3 *S3 `json:"s3"`
	// RecoveryPassphraseFile is the absolute path of a file with the passphrase that a
	// restore needs. Required.
	RecoveryPassphraseFile SecretFile `json:"recoveryPassphraseFile"`
	// Interval is the time between two snapshots; 0s creates them on demand only.
	Interval time.Duration `json:"interval"`
	// Keep says how many snapshots are kept.
	Keep Keep `json:"keep"`
	// VerifyWithin is the maximum age of the last verified restore before doctor reports it.
	VerifyWithin time.Duration `json:"verifyWithin"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// Keep is the number of snapshots to keep.
type Keep struct {
	// Last is the number of newest snapshots.
	Last int `json:"last"`
	// Daily is the number of days of which the newest snapshot is kept.
	Daily int `json:"daily"`
	// Weekly is the number of weeks of which the newest snapshot is kept.
	Weekly int `json:"weekly"`
	// Monthly is the number of months of which the newest snapshot is kept.
	Monthly int `json:"monthly"`
}

func (b *Backup) setDefaults() {
	b.Interval, b.VerifyWithin, b.MemoryMB = 24*time.Hour, 30*24*time.Hour, 512
	b.Keep = Keep{Last: 3, Daily: 7, Weekly: 5, Monthly: 12}
}

// unset reports whether nothing was set: Pulumi has no optional objects.
func (b *Backup) unset() bool {
	var untouched Backup
	untouched.setDefaults()
	return b != nil && reflect.DeepEqual(*b, untouched)
}

// Place returns where snapshots are stored, for messages.
func (b *Backup) Place() string {
	if b.S3 != nil {
		return "bucket " + b.S3.Bucket
	}
	return b.Directory
}

// Repository returns the repository in restic's notation, for a container that mounts a folder at
// mount.
func (b *Backup) Repository(mount string) string {
	if b.S3 == nil {
		return mount
	}
	endpoint := b.S3.Endpoint
	if endpoint == "" {
		endpoint = "https://s3." + b.S3.Region + ".amazonaws.com"
	}
	return "s3:" + endpoint + "/" + path.Join(b.S3.Bucket, b.S3.Prefix)
}

// folderPattern excludes characters that Docker would interpret.
var folderPattern = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)

func (v *validation) backup(b *Backup) {
	if b == nil {
		return
	}
	switch {
	case b.Directory != "" && b.S3 != nil:
		v.fail("backup", "got directory and s3, want one of them")
	case b.S3 != nil:
		v.s3("backup.s3", b.S3)
	case !folderPattern.MatchString(b.Directory) || filepath.Clean(b.Directory) != b.Directory:
		v.fail("backup.directory", "got %q, want the absolute path of a folder on the Docker host, of letters, digits, dots, hyphens and underscores, or backup.s3", b.Directory)
	}
	v.secret("backup.recoveryPassphraseFile", b.RecoveryPassphraseFile)
	if d := b.Interval; d != 0 && (d < 10*time.Minute || d > 31*24*time.Hour) || d%time.Second != 0 {
		v.fail("backup.interval", "got %s, want 10m to 744h in whole seconds, or 0s for snapshots on demand only", d)
	}
	if d := b.VerifyWithin; d < time.Hour || d > 366*24*time.Hour || d%time.Second != 0 {
		v.fail("backup.verifyWithin", "got %s, want 1h to 8784h in whole seconds", d)
	}
	v.between("backup.keep.last", b.Keep.Last, 1, 1000)
	v.between("backup.keep.daily", b.Keep.Daily, 0, 1000)
	v.between("backup.keep.weekly", b.Keep.Weekly, 0, 1000)
	v.between("backup.keep.monthly", b.Keep.Monthly, 0, 1000)
	v.between("backup.memoryMB", b.MemoryMB, 128, 1<<20)
}
