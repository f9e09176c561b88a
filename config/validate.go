package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

var (
	namePattern  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	imagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._:/-]*(@sha256:[0-9a-f]{64})?$`)

	restartPolicies = []string{"no", "on-failure", "unless-stopped", "always"}
)

const maxNameLength = 40

// Validate reports every value that is out of bounds and every pair of values that contradict
// each other.
func (c *Config) Validate() error { return mistakesOrNil(c.mistakes()) }

func (c *Config) mistakes() []*SettingError {
	v := &validation{}
	v.values(c)
	v.addresses(c)
	v.outgoing(c)
	v.edge(c)
	v.external(c)
	v.serviceAccounts(c)
	v.access(c)
	v.backup(c.Backup)
	v.users(c)
	v.providers(c)
	v.generations(c)
	return v.mistakes
}

type validation struct{ mistakes []*SettingError }

func (v *validation) fail(key, format string, args ...any) {
	v.mistakes = append(v.mistakes, &SettingError{Path: Namespace + ":" + key, Err: fmt.Errorf(format, args...)})
}

func (v *validation) oneOf(key, got string, want []string) {
	if !slices.Contains(want, got) {
		v.fail(key, "got %q, want one of %s", got, strings.Join(want, ", "))
	}
}

func (v *validation) between(key string, got, least, most int) {
	if got < least || got > most {
		v.fail(key, "got %d, want %d to %d", got, least, most)
	}
}

func (v *validation) values(c *Config) {
	if !namePattern.MatchString(c.Name) || len(c.Name) > maxNameLength {
		v.fail("name", "got %q, want lower-case words joined by hyphens, at most %d characters", c.Name, maxNameLength)
	}
	v.oneOf("restartPolicy", c.RestartPolicy, restartPolicies)
	v.oneOf("proof", c.Proof, loginproof.Modes())

	v.between("mlflow.port", c.MLflow.Port, 1, 65535)
	v.between("mlflow.workers", c.MLflow.Workers, 1, 64)
	// A worker takes about 300 MiB, the process that starts them as much again.
	if n := c.MLflow.Workers; n >= 1 && n <= 64 {
		if least := 512 + 350*n; c.MLflow.MemoryMB < least || c.MLflow.MemoryMB > 1<<20 {
			v.fail("mlflow.memoryMB", "got %d, want %d to %d with %d workers (512, and 350 for each)", c.MLflow.MemoryMB, least, 1<<20, n)
		}
	}
	v.oneOf("mlflow.defaultPermission", c.MLflow.DefaultPermission, mlflow.Permissions())
	if err := mlflow.CheckContact(c.MLflow.Contact); err != nil {
		v.fail("mlflow.contact", "got %q, %v", c.MLflow.Contact, err)
	}
	if d := c.MLflow.TrashRetention; d < time.Hour || d > 10*366*24*time.Hour || d%time.Second != 0 {
		v.fail("mlflow.trashRetention", "got %s, want 1h to 87840h (ten years) in whole seconds", d)
	}

	v.between("keycloak.port", c.Keycloak.Port, 1, 65535)
	v.between("keycloak.memoryMB", c.Keycloak.MemoryMB, 750, 1<<20)
	v.oneOf("keycloak.startMode", c.Keycloak.StartMode, keycloak.StartModes())
	v.between("postgres.memoryMB", c.Postgres.MemoryMB, 256, 1<<20)
	v.between("redis.memoryMB", c.Redis.MemoryMB, 32, 1<<20)
	v.between("identitySync.memoryMB", c.IdentitySync.MemoryMB, 128, 1<<20)
	if d := c.IdentitySync.Interval; d < 5*time.Second || d > 10*time.Minute || d%time.Second != 0 {
		v.fail("identitySync.interval", "got %s, want 5s to 10m in whole seconds", d)
	}
	if d := c.IdentitySync.PruneInterval; d < time.Minute || d > 24*time.Hour || d%time.Second != 0 {
		v.fail("identitySync.pruneInterval", "got %s, want 1m to 24h in whole seconds", d)
	}

	v.oneOf("realm.sslRequired", c.Realm.SSLRequired, realm.SSLRequirements())
	if d := c.Realm.AccessTokenLifespan; d < 5*time.Minute || d > 24*time.Hour || d%time.Second != 0 {
		v.fail("realm.accessTokenLifespan", "got %s, want 5m to 24h in whole seconds", d)
	}
	if c.Realm.PasswordPolicy == "" {
		v.fail("realm.passwordPolicy", `got "", want a policy such as "length(12)"`)
	} else if err := realm.CheckPasswordPolicy(c.Realm.PasswordPolicy); err != nil {
		v.fail("realm.passwordPolicy", "got %q, %w", c.Realm.PasswordPolicy, err)
	}
	// Keycloak deletes expired entries every 15 minutes.
	if d := c.Realm.EventsExpiration; d < time.Hour || d > 366*24*time.Hour || d%time.Second != 0 {
		v.fail("realm.eventsExpiration", "got %s, want 1h to 8784h (a year) in whole seconds", d)
	}

	for _, image := range []struct{ key, got string }{
		{"base", c.Images.Base},
		{"postgres", c.Images.Postgres},
		{"redis", c.Images.Redis},
		{"keycloak", c.Images.Keycloak},
		{"mlflow", c.Images.MLflow},
		{"edge", c.Images.Edge},
		{"backup", c.Images.Backup},
	} {
		if image.got != "" && !imagePattern.MatchString(image.got) {
			v.fail("images."+image.key, "got %q, want an image reference, best with its digest", image.got)
		}
	}
	if c.Images.Date != "" {
		if day, err := time.Parse(time.DateOnly, c.Images.Date); err != nil || day.After(time.Now().Add(24*time.Hour)) {
			v.fail("images.date", "got %q, want a past day, in quotes, such as \"2026-11-27\"; `mlflow-sso up --fresh` writes today's", c.Images.Date)
		}
	}
	if c.Images.Base == "" {
		v.fail("images.base", `got "", want the base image of the built ones`)
	}
}

func (v *validation) addresses(c *Config) {
	services := []struct {
		key    string
		public address.Public
		port   int
	}{
		{"mlflow", c.MLflow.PublicURL, c.MLflow.Port},
		{"keycloak", c.Keycloak.PublicURL, c.Keycloak.Port},
	}
	for _, s := range services {
		switch {
		case s.public.IsZero():
			v.fail(s.key+".publicURL", `got nothing, want the address in the browser, such as "http://localhost:%d"`, s.port)
		case c.Edge.Enabled(): // its own rules are stricter
		case s.public.Loopback() && s.public.Port() != s.port:
			v.fail(s.key+".publicURL", "got %q while %s.port is %d, want the same port: on this machine the browser connects to the published port itself",
				s.public, s.key, s.port)
		case !s.public.Loopback() && !s.public.TLS():
			v.fail(s.key+".publicURL", "got %q, want https: only an address on localhost may be plain http", s.public)
		case s.public.TLS():
			v.fail(s.key+".publicURL", "got %q while edge.certificates is %s, want %s there: nothing would terminate TLS",
				s.public, NoEdge, strings.Join(edge.Sources(), ", "))
		}
	}
	published := c.Published()
	for i, p := range published {
		for _, other := range published[:i] {
			if p.Port == other.Port {
				v.fail(p.Key, "got %d, which %s has too, want another", p.Port, other.Key)
			}
		}
	}

	application, public := c.MLflow.PublicURL, c.Keycloak.PublicURL
	if application.IsZero() || public.IsZero() {
		return
	}
	if application.TLS() != public.TLS() {
		v.fail("keycloak.publicURL", "got %q while mlflow.publicURL is %q, want the same scheme", public, application)
	}
	if !public.TLS() && c.Realm.SSLRequired != "none" {
		v.fail("realm.sslRequired", "got %q while keycloak.publicURL is %q, want none: Keycloak would answer \"HTTPS required\"",
			c.Realm.SSLRequired, public)
	}
	// Keycloak checks each request separately, and MLflow's use plain http on the private network.
	if public.TLS() && c.Realm.SSLRequired != "external" {
		v.fail("realm.sslRequired", "got %q while keycloak.publicURL is %q, want external: none sends passwords unencrypted",
			c.Realm.SSLRequired, public)
	}
	if c.Keycloak.StartMode == keycloak.Development {
		switch {
		case c.Edge.Enabled():
			v.fail("keycloak.startMode", "got %q while edge.certificates is %s, want %s: %s serves plain http and is for localhost only",
				keycloak.Development, c.Edge.Certificates, keycloak.Production, keycloak.Development)
		case !public.Loopback():
			v.fail("keycloak.startMode", "got %q while keycloak.publicURL is %q, want %s: %s serves plain http and is for localhost only",
				keycloak.Development, public, keycloak.Production, keycloak.Development)
		case !application.Loopback():
			v.fail("keycloak.startMode", "got %q while mlflow.publicURL is %q, want %s: %s serves plain http and is for localhost only",
				keycloak.Development, application, keycloak.Production, keycloak.Development)
		}
	}
	if c.Realm.DemoUsers && (!application.Loopback() || !public.Loopback()) {
		outside := application
		if outside.Loopback() {
			outside = public
		}
		v.fail("realm.demoUsers", "got true while the stack is public (%s), want false: demo users are for localhost only", outside)
	}
	for i, name := range c.Realm.Administrators {
		switch {
		case name == "" || name != strings.ToLower(strings.TrimSpace(name)):
			v.fail("realm.administrators", "got %q, want user names as Keycloak writes them, in lower case", name)
		case slices.Contains(c.Realm.Administrators[:i], name):
			v.fail("realm.administrators", "got %q twice, want each user once", name)
		}
	}
}

func (v *validation) generations(c *Config) {
	if n := c.Credentials.Root; n < 1 || n > credentials.MostGenerations {
		v.fail("credentials.root", "got %d, want 1 to %d", n, credentials.MostGenerations)
	}
	generations, replaced := c.Credentials.Generations, c.replaced()
	for _, label := range slices.Sorted(maps.Keys(generations)) {
		key := fmt.Sprintf("credentials.generations.%s", label)
		if !slices.Contains(c.accountLabels(), label) && !slices.Contains(credentials.Labels(), label) {
			v.fail(key, "unknown credential, want one of %s, or %s of an account in serviceAccounts", credentials.LabelList(), credentials.ServiceAccount("<name>"))
			continue
		}
		switch n := generations[label]; {
		case label == credentials.KeycloakAdmin && !c.Keycloak.PermanentAdmin:
			v.fail(key, "got %d while keycloak.permanentAdmin is false, want it left out: there is no such user", n)
		case label == credentials.MLflowWebhooks && c.MLflow.Webhooks == nil:
			v.fail(key, "got %d without mlflow.webhooks, want it left out: nothing is encrypted with it", n)
		case replaced[label] != "":
			v.fail(key, "got %d while %s is set, want none: nothing derives it there; change the password at that service, and the file with it",
				n, replaced[label])
		case n < 1 || n > credentials.MostGenerations:
			v.fail(key, "got %d, want 1 to %d", n, credentials.MostGenerations)
		}
	}
}

// IsDerivedCredential reports whether the stack derives the credential with this label.
func (c *Config) IsDerivedCredential(label credentials.Label) bool {
	switch {
	case label == credentials.KeycloakAdmin:
		return c.Keycloak.PermanentAdmin
	case label == credentials.MLflowWebhooks:
		return c.MLflow.Webhooks != nil
	case c.replaced()[label] != "":
		return false
	}
	return slices.Contains(c.accountLabels(), label) || slices.Contains(credentials.Labels(), label)
}
