// Package objectstore connects a stack to an external artifact store: a bucket of an
// S3-compatible service.
//
// The operator of the service creates the bucket and the access key; this package creates
// nothing. Only MLflow has the key: users reach artifacts through MLflow, which
// authenticates them.
package objectstore

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlflow-sso/mlflow-sso/components/internal/argcheck"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

var (
	// bucketPattern is Amazon's rule, without dots: no wildcard certificate matches a name with
	// dots in front of the service's.
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	prefixPattern = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)?$`)
	regionPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	keyPattern    = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,128}$`)
)

// CheckBucket validates the name of a bucket.
func CheckBucket(name string) error {
	if !bucketPattern.MatchString(name) {
		return errors.New("want 3 to 63 lower-case letters, digits and hyphens")
	}
	return nil
}

// CheckPrefix validates the path of the artifacts in the bucket.
func CheckPrefix(prefix string) error {
	if !prefixPattern.MatchString(prefix) {
		return errors.New(`want a path such as "mlflow/artifacts", without a slash at either end, or nothing for the whole bucket`)
	}
	return nil
}

// CheckRegion validates a region.
func CheckRegion(region string) error {
	if !regionPattern.MatchString(region) {
		return errors.New(`want the bucket's own, such as "eu-central-1"`)
	}
	return nil
}

// CheckEndpoint validates the address of the service.
func CheckEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New(`want an origin such as "https://s3.example.com", or nothing for Amazon's own`)
	case u.User != nil:
		return errors.New("want no user in it: the key is named by accessKeyID and secretKeyFile")
	case u.Scheme == "http" && !address.Private(u.Hostname()):
		return errors.New("want https: artifacts may be sent unencrypted to a private IPv4 address only")
	}
	return address.CheckExternalHost(u.Hostname())
}

// CheckAccessKeyID validates the name of an access key.
func CheckAccessKeyID(id string) error {
	if !keyPattern.MatchString(id) {
		return errors.New("want the name of an access key, which is not a secret; the key itself is in the file that secretKeyFile names")
	}
	return nil
}

// External is a bucket, with the key in plain text.
type External struct {
	// Bucket is the name of the bucket, Prefix the path of the artifacts in it.
	Bucket, Prefix string
	// Endpoint is the service's origin; empty for Amazon's own.
	Endpoint string
	// Region is the bucket's.
	Region string
	// AccessKeyID names the access key, SecretKey is the key itself.
	AccessKeyID, SecretKey string
}

// Validate reports every mistake at once. Errors do not repeat the key.
func (e External) Validate() error {
	var m argcheck.List
	for _, check := range []struct {
		field, got string
		err        error
	}{
		{"Bucket", e.Bucket, CheckBucket(e.Bucket)},
		{"Prefix", e.Prefix, CheckPrefix(e.Prefix)},
		{"Region", e.Region, CheckRegion(e.Region)},
		{"AccessKeyID", "not repeated", CheckAccessKeyID(e.AccessKeyID)},
		{"Endpoint", "not repeated", CheckEndpoint(e.Endpoint)},
	} {
		m.Require(check.err == nil, "%s is %q, %v", check.field, check.got, check.err)
	}
	m.Require(e.SecretKey != "", "SecretKey is empty, want one")
	return m.Err()
}

// Connect returns the bucket for MLflow.
func (e External) Connect() (Bucket, error) {
	if err := e.Validate(); err != nil {
		return Bucket{}, fmt.Errorf("external artifact store: %w", err)
	}
	return Bucket{
		URI: e.URI(), Endpoint: e.Endpoint, Region: e.Region, AccessKeyID: e.AccessKeyID,
		SecretKey: pulumi.ToSecret(pulumi.String(e.SecretKey)).(pulumi.StringOutput),
	}, nil
}

// URI is the location of the artifacts, such as "s3://bucket/prefix".
func (e External) URI() string { return strings.TrimSuffix("s3://"+e.Bucket+"/"+e.Prefix, "/") }

// Bucket is MLflow's connection to the artifact store.
type Bucket struct {
	// URI is the location of the artifacts, such as "s3://bucket/prefix".
	URI string
	// Endpoint is the service's origin; empty for Amazon's own.
	Endpoint string
	// Region is the bucket's.
	Region string
	// AccessKeyID names the access key, SecretKey is the key itself.
	AccessKeyID string
	SecretKey   pulumi.StringOutput
}

// IsZero reports whether there is no bucket.
func (b Bucket) IsZero() bool { return b.URI == "" }

// Settings returns the configuration of a client, without its key.
func (b Bucket) Settings() map[string]string { return settings(b.Endpoint, b.Region) }

// Settings returns the same for a bucket with the key in plain text.
func (e External) Settings() map[string]string { return settings(e.Endpoint, e.Region) }

// settings returns Amazon's own variables, and two of MLflow's. The client has its own CA list
// and uses no other unless it is configured.
func settings(endpoint, region string) map[string]string {
	env := map[string]string{"AWS_DEFAULT_REGION": region, "AWS_CA_BUNDLE": address.Authorities}
	if endpoint != "" {
		env["MLFLOW_S3_ENDPOINT_URL"] = endpoint
		// Path style: few servers resolve the bucket as a subdomain.
		env["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"] = "path"
		// Only Amazon supports the newest checksums.
		env["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
		env["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "when_required"
	}
	return env
}
