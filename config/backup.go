package config

import (
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"time"
)

// Backup sets where snapshots go, how often one is taken, and how long they stay.
type Backup struct {
	// Directory is the absolute path of a folder on the Docker host, S3 a bucket:
	// exactly one of the two is where snapshots go.
	Directory string `json:"directory"`
	S3        *S3    `json:"s3"`
	// RecoveryPassphraseFile holds the passphrase that opens the snapshots, and the
	// root secret in them, where nothing else is left of the stack.
	RecoveryPassphraseFile SecretFile `json:"recoveryPassphraseFile"`
	// Interval is the time from one snapshot to the next; 0 takes them on demand alone.
	Interval time.Duration `json:"interval"`
	// Keep is what stays.
	Keep Keep `json:"keep"`
	// VerifyWithin is how old the last proven restore may be before doctor asks for one.
	VerifyWithin time.Duration `json:"verifyWithin"`
	// MemoryMB limits the container's memory, in MiB.
	MemoryMB int `json:"memoryMB"`
}

// Keep is how many snapshots stay: the newest ones, and the newest of so many days,
// weeks and months.
type Keep struct {
	Last    int `json:"last"`
	Daily   int `json:"daily"`
	Weekly  int `json:"weekly"`
	Monthly int `json:"monthly"`
}

func (b *Backup) setDefaults() {
	b.Interval, b.VerifyWithin, b.MemoryMB = 24*time.Hour, 30*24*time.Hour, 512
	b.Keep = Keep{Last: 3, Daily: 7, Weekly: 5, Monthly: 12}
}

// unset says whether nothing was set: Pulumi knows no object that may be left out.
func (b *Backup) unset() bool {
	var untouched Backup
	untouched.setDefaults()
	return b != nil && reflect.DeepEqual(*b, untouched)
}

// Place is where snapshots go, to be shown to a person.
func (b *Backup) Place() string {
	if b.S3 != nil {
		return "bucket " + b.S3.Bucket
	}
	return b.Directory
}

// Repository is where snapshots go, as restic names it in a container that has the
// folder, if it is one, at mount.
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

// folderPattern keeps out what Docker would read as more than a path.
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
		v.fail("backup.interval", "got %s, want 10m to 744h in whole seconds, or 0s for snapshots on demand alone", d)
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
