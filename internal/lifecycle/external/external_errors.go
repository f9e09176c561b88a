package external

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/platform"
)

// The services that may be external, by the script's names.
const (
	postgresService = "postgres"
	redisService    = "redis"
	s3Service       = "s3"
)

// probeResult is the result for one service.
type probeResult struct {
	Service string `json:"service"`
	// Name is the database's, without the prefix; empty for other services.
	Name string `json:"name"`
	// Said is the client's error; empty if there is none.
	Said string `json:"said"`
	// Encoding and the following are of a database: whether its role may create tables, whether
	// it is a superuser, whether Keycloak has used it.
	Encoding  string `json:"encoding"`
	Creates   bool   `json:"creates"`
	Superuser bool   `json:"superuser"`
	Keycloak  bool   `json:"keycloak"`
	// Kept reports that a cache or store returned what was stored.
	Kept bool `json:"kept"`
}

// howToMake is the page with the statements.
const howToMake = "docs/how-to/external-services.md has the statements"

// judge reports every problem with the external services.
func judge(e platform.External, seen []probeResult) error {
	var errs []error
	see := func(service, name string) (probeResult, error) {
		i := slices.IndexFunc(seen, func(s probeResult) bool { return s.Service == service && s.Name == name })
		if i < 0 {
			return probeResult{}, errors.New("was not tried")
		}
		return seen[i], nil
	}
	if e.Postgres != nil {
		for _, name := range slices.Sorted(maps.Keys(e.Postgres.Passwords)) {
			saw, err := see(postgresService, name)
			if err == nil {
				err = judgeDatabase(saw)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("postgres.external: database %s%s at %s: %w", e.Postgres.Prefix, name, e.Postgres.Address, err))
			}
		}
	}
	if e.Redis != nil {
		saw, err := see(redisService, "")
		if err == nil {
			err = judgeStore(saw)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("redis.external: %s: %w", e.Redis.Address, err))
		}
	}
	if e.Artifacts != nil {
		saw, err := see(s3Service, "")
		if err == nil {
			err = judgeStore(saw)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("artifacts.s3: %s at %s: %w", e.Artifacts.URI(), cmp.Or(e.Artifacts.Endpoint, "Amazon"), err))
		}
	}
	return errors.Join(errs...)
}

func judgeDatabase(saw probeResult) error {
	switch {
	case saw.Said != "":
		return meant(saw)
	case saw.Encoding != "UTF8":
		return fmt.Errorf("got encoding %s, want UTF8: MLflow cannot read it; drop the database and create it with ENCODING 'UTF8': %s", saw.Encoding, howToMake)
	case saw.Superuser:
		return fmt.Errorf("its role is a superuser and can open every database: change that with ALTER ROLE … NOSUPERUSER; %s", howToMake)
	case !saw.Creates:
		return fmt.Errorf("its role cannot create tables: make it the owner of the database with ALTER DATABASE … OWNER TO …; %s", howToMake)
	}
	return nil
}

func judgeStore(saw probeResult) error {
	switch {
	case saw.Said != "":
		return meant(saw)
	case !saw.Kept:
		return errors.New("it does not return the value that was just written")
	}
	return nil
}

// meanings explain clients' errors; the first match wins, for one service or, without a name, for
// all. Errors of servers in languages other than English stay unchanged.
var meanings = []struct {
	service string
	said    *regexp.Regexp
	next    string
}{
	{postgresService, regexp.MustCompile(`password authentication failed`), "the file in postgres.external.passwordFiles.%s does not contain the password of the role, or the role does not exist; " + howToMake},
	{postgresService, regexp.MustCompile(`database ".*" does not exist`), "create it; " + howToMake},
	{postgresService, regexp.MustCompile(`permission denied for database`), "make the role its owner; " + howToMake},
	{postgresService, regexp.MustCompile(`no pg_hba\.conf entry|rejects connection`), "the server refuses this role from this address or with this kind of connection: check its pg_hba.conf or its list of networks, and postgres.external.tls"},
	{postgresService, regexp.MustCompile(`does not support SSL`), "the server does not use TLS: turn it on there; postgres.external.tls can be false for a private address only"},
	{redisService, regexp.MustCompile(`(?i)invalid (username-password|password)|WRONGPASS`), "the file in redis.external.passwordFile does not contain the password of user default"},
	{redisService, regexp.MustCompile(`(?i)without any password configured|no password is set`), "the server requires no password: set one there. A client that can write to this cache can run code in MLflow"},
	{redisService, regexp.MustCompile(`(?i)no permissions`), "user default lacks a permission: it needs SETEX, GET, DEL, SCAN and PING for keys that begin with the stack's name"},
	{redisService, regexp.MustCompile(`(?i)wrong.version.number|record layer failure`), "the server does not use TLS on this port: set its TLS port; redis.external.tls can be false for a private address only"},
	{redisService, regexp.MustCompile(`(?i)connection closed by server|connection reset`), "the server may use TLS on this port: set redis.external.tls"},
	{s3Service, regexp.MustCompile(`NoSuchBucket|bucket does not exist`), "create the bucket, or correct artifacts.s3.bucket"},
	{s3Service, regexp.MustCompile(`SignatureDoesNotMatch`), "the file in artifacts.s3.secretKeyFile does not contain the key of artifacts.s3.accessKeyID"},
	{s3Service, regexp.MustCompile(`InvalidAccessKeyId|UserNotFound|access key ID`), "the service does not know artifacts.s3.accessKeyID"},
	{s3Service, regexp.MustCompile(`AccessDenied|Forbidden|\(403\)`), "the access key needs s3:PutObject, s3:GetObject and s3:DeleteObject on the prefix, and s3:ListBucket on the bucket"},
	{s3Service, regexp.MustCompile(`PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint`), "the bucket is in another region: correct artifacts.s3.region"},
	{"", regexp.MustCompile(`(?i)does not match host name|hostname mismatch|ip address mismatch|doesn't match`), "the server's certificate is for another name: set a host that is in it"},
	{"", regexp.MustCompile(`(?i)certificate.verify.failed|unable to get local issuer`), "the images do not know the authority of the server's certificate: put that authority's certificate into " +
		"/usr/local/share/ca-certificates on this machine, as NAME.crt, then `mlflow-sso destroy`, which keeps all data, and `mlflow-sso up`, which then rebuilds the images"},
	{"", regexp.MustCompile(`(?i)could not translate|name or service not known|name resolution|no address associated|failed to resolve`), "containers on this host cannot resolve that name: correct it, or set an address"},
	{"", regexp.MustCompile(`(?i)refused|time[d ]*out|timeout|unreachable|no route|could not connect`), "nothing answers there: check host and port, whether the server runs, and whether a firewall blocks this machine's containers"},
}

// preamble is the common part of every connection error, which the message already contains.
var preamble = regexp.MustCompile(`^connection failed: (connection to server at .*? failed: )?`)

// meant returns a client's error with its explanation.
func meant(saw probeResult) error {
	said := preamble.ReplaceAllString(strings.Join(strings.Fields(saw.Said), " "), "")
	for _, m := range meanings {
		if (m.service == "" || m.service == saw.Service) && m.said.MatchString(said) {
			next := m.next
			if strings.Contains(next, "%s") {
				next = fmt.Sprintf(next, saw.Name)
			}
			return fmt.Errorf("%s: %s", said, next)
		}
	}
	return errors.New(said)
}
