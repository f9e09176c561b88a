package health

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/docker/docker/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// a returns a doctor of a stack with everything in containers, and an edge.
func a() *doctor {
	d := &doctor{down: map[Component]string{}}
	d.Tool, d.Flags = "mlflow-sso", "--stack x"
	d.Stack = outputs.Stack{
		Deployment: "x", Postgres: outputs.Service{Container: "x-postgres"}, Redis: outputs.Service{Container: "x-redis"},
		MLflow:   outputs.MLflow{Container: "x-mlflow", URL: "https://mlflow.test"},
		Keycloak: outputs.Keycloak{Container: "x-keycloak", URL: "https://auth.test"},
		Realm:    outputs.Realm{Name: "mlflow", ClientID: "mlflow", AdminGroup: "mlflow-admins", UserGroup: "mlflow-users", Issuer: "https://auth.test/realms/mlflow"},
		Edge:     outputs.Edge{Container: "x-edge", Certificates: edge.Internal},
	}
	d.Environments = map[string]map[string]string{"x-mlflow": {
		"OIDC_CLIENT_SECRET": "secret-of-the-client", "OIDC_REDIRECT_URI": "https://mlflow.test/callback", "OIDC_GROUPS_ATTRIBUTE": "groups",
		"OIDC_CODE_CHALLENGE": "S256", "CACHE_REDIS_URL": "redis://:password-of-redis@redis:6379/0",
	}}
	return d
}

func TestAClockThatGoesWrongIsAFindingAndASlowAnswerIsNot(t *testing.T) {
	now := time.Now()
	require.Empty(t, judgeClock(now, now.Add(9*time.Second), now.Add(5*time.Second)))
	require.Equal(t, []string{"clock"}, idsOf(judgeClock(now, now, now.Add(-time.Minute))))
	require.Equal(t, []string{"clock"}, idsOf(judgeClock(now, now, now.Add(time.Hour))))
}

func TestAFullDiskIsTheHostsAndAFullFolderInMemoryTheContainers(t *testing.T) {
	df := func(size, free string) string {
		return "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x " + size + " 1 " + free + " 9% /data\n"
	}
	d := a()
	healthy, err := d.judgeSpace(Postgres, folder{"/data", false}, df("264212084", "39744700"))
	require.NoError(t, err)
	require.Empty(t, healthy)
	full, err := d.judgeSpace(Postgres, folder{"/data", false}, df("264212084", "1000"))
	require.NoError(t, err)
	require.Equal(t, Host, full[0].Component)
	scratch, err := d.judgeSpace(MLflow, folder{"/tmp", true}, df("65536", "0"))
	require.NoError(t, err)
	require.Equal(t, "docker restart x-mlflow", scratch[0].Fix)
	_, err = d.judgeSpace(MLflow, folder{"/tmp", true}, "")
	require.Error(t, err, "what df did not write is no room")
}

func TestRolesAreJudgedByTheirPowerTheirDatabaseAndItsEncoding(t *testing.T) {
	roles := readRoles("keycloak|f|t|UTF8\nmlflow|t|t|SQL_ASCII\nmlflow_auth|f|f|UTF8\nlost|f|t|-\npostgres|t|t|UTF8\n")

	require.Empty(t, a().judgeRoles([]string{"keycloak"}, roles))
	require.Equal(t, []string{"database-encoding", "role-superuser"}, idsOf(a().judgeRoles([]string{"mlflow"}, roles)))
	require.Equal(t, []string{"role-locked"}, idsOf(a().judgeRoles([]string{"mlflow_auth"}, roles)))
	require.Equal(t, []string{"database-missing"}, idsOf(a().judgeRoles([]string{"lost"}, roles)))
	require.Equal(t, []string{"role-missing"}, idsOf(a().judgeRoles([]string{"unknown"}, roles)))
}

func TestRedisIsHealthyOnlyIfItRequiresItsPassword(t *testing.T) {
	require.Empty(t, a().judgeRedis("PONG", "NOAUTH Authentication required."))
	require.Equal(t, []string{"redis-open"}, idsOf(a().judgeRedis("PONG", "PONG")))
	require.Equal(t, []string{"redis-password"}, idsOf(a().judgeRedis("WRONGPASS invalid username-password pair", "NOAUTH Authentication required.")))
}

// whole is Keycloak's response for a realm as the program creates it.
func whole() inRealm {
	mapper := func(kind string, config map[string]string) gocloak.ProtocolMapperRepresentation {
		return gocloak.ProtocolMapperRepresentation{ProtocolMapper: &kind, Config: &config}
	}
	yes := gocloak.BoolP(true)
	return inRealm{
		realm:  &gocloak.RealmRepresentation{Enabled: yes, SslRequired: gocloak.StringP("external")},
		groups: []string{"mlflow-admins", "mlflow-users", "others"},
		client: &gocloak.Client{
			Enabled: yes, StandardFlowEnabled: yes, Secret: gocloak.StringP("secret-of-the-client"),
			RedirectURIs: &[]string{"https://mlflow.test/callback"},
			Attributes:   &map[string]string{"pkce.code.challenge.method": "S256"},
			ProtocolMappers: &[]gocloak.ProtocolMapperRepresentation{
				mapper("oidc-audience-mapper", nil),
				mapper("oidc-group-membership-mapper", map[string]string{
					"full.path": "false", "claim.name": "groups", "id.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true",
				}),
			},
		},
	}
}

func TestARealmOfTheProgramIsHealthyAndEachMistakeIsFoundSeparately(t *testing.T) {
	require.Empty(t, a().judgeRealm(whole()))
	groups := func(r inRealm) map[string]string { return *(*r.client.ProtocolMappers)[1].Config }
	for id, mistake := range map[string]func(*inRealm){
		"realm-missing":             func(r *inRealm) { *r = inRealm{} },
		"realm-disabled":            func(r *inRealm) { r.realm.Enabled = gocloak.BoolP(false) },
		"ssl-required":              func(r *inRealm) { r.realm.SslRequired = gocloak.StringP("none") },
		"frontend-url":              func(r *inRealm) { r.realm.Attributes = &map[string]string{"frontendUrl": "https://other.test"} },
		"group-missing":             func(r *inRealm) { r.groups = r.groups[1:] },
		"client-missing":            func(r *inRealm) { r.client = nil },
		"client-disabled":           func(r *inRealm) { r.client.Enabled = nil },
		"client-public":             func(r *inRealm) { r.client.PublicClient = gocloak.BoolP(true) },
		"client-secret-changed":     func(r *inRealm) { r.client.Secret = gocloak.StringP("other") },
		"standard-flow-off":         func(r *inRealm) { r.client.StandardFlowEnabled = nil },
		"redirect-uri-missing":      func(r *inRealm) { r.client.RedirectURIs = nil },
		"redirect-uri-too-broad":    func(r *inRealm) { *r.client.RedirectURIs = append(*r.client.RedirectURIs, "*") },
		"pkce":                      func(r *inRealm) { r.client.Attributes = nil },
		"audience-mapper-missing":   func(r *inRealm) { *r.client.ProtocolMappers = (*r.client.ProtocolMappers)[1:] },
		"groups-mapper-missing":     func(r *inRealm) { *r.client.ProtocolMappers = (*r.client.ProtocolMappers)[:1] },
		"groups-full-path":          func(r *inRealm) { groups(*r)["full.path"] = "true" },
		"groups-claim-name":         func(r *inRealm) { groups(*r)["claim.name"] = "teams" },
		"groups-claim-not-in-token": func(r *inRealm) { groups(*r)["userinfo.token.claim"] = "false" },
	} {
		broken := whole()
		mistake(&broken)
		got := a().judgeRealm(broken)
		require.Equal(t, []string{id}, idsOf(got))
		require.NotContains(t, got[0].Got+got[0].Wanted, "secret-of-the-client")
	}
}

// fine is the report of MLflow's container without problems.
func fine() (seen inMLflow) {
	seen.Versions, seen.Errors = map[string]string{}, map[string]string{}
	for _, least := range mlflow.MinimumVersions() {
		seen.Versions[least.Package] = least.Version
	}
	seen.Permissions.At, seen.Permissions.Head = "x", "x"
	seen.Discovery, seen.Keys = "https://auth.test/realms/mlflow", []string{"k", "k"}
	return seen
}

func TestWhatMLflowSeesIsHealthyOnlyWhenAllOfItIs(t *testing.T) {
	require.Empty(t, a().judgeInside(fine()))
	for id, mistake := range map[string]func(*inMLflow){
		"version":              func(s *inMLflow) { s.Versions["mlflow-oidc-auth"] = "7.12.1" },
		"driver-missing":       func(s *inMLflow) { s.Errors["runs"] = "ModuleNotFoundError: No module named 'psycopg'" },
		"database-refuses":     func(s *inMLflow) { s.Errors["permissions"] = "OperationalError: refused" },
		"auth-not-migrated":    func(s *inMLflow) { s.Permissions.At = "" },
		"redis-refuses":        func(s *inMLflow) { s.Errors["cache"] = "AuthenticationError: no" },
		"keycloak-unreachable": func(s *inMLflow) { s.Errors["discovery"] = "URLError: refused" },
		"issuer-differs":       func(s *inMLflow) { s.Discovery = "http://keycloak:8080/realms/mlflow" },
		"session-key":          func(s *inMLflow) { s.Keys = []string{"k", "l"} },
	} {
		broken := fine()
		mistake(&broken)
		require.Equal(t, []string{id}, idsOf(a().judgeInside(broken)))
	}
}

func TestAVariableIsReportedByItsNameAndNeverByItsValue(t *testing.T) {
	wanted := map[string]string{"A": "1", "SECRET_KEY": "one"}
	image := map[string]string{"PATH": "/bin"}

	require.Empty(t, differing(wanted, map[string]string{"A": "1", "SECRET_KEY": "one", "PATH": "/bin"}, image))
	require.Equal(t, []string{"MORE", "SECRET_KEY"}, differing(wanted, map[string]string{"A": "1", "SECRET_KEY": "two", "MORE": "x"}, image))
	got := a().judgeVariable(MLflow, "SECRET_KEY")
	require.EqualValues(t, "session-key", got.ID)
	require.EqualValues(t, "environment-unknown", a().judgeVariable(MLflow, "MORE").ID)
}

func TestNoSecretOfTheProgramOrInAnAddressIsShown(t *testing.T) {
	d := a()
	d.Stack.Keycloak.Provider.Secret = "secret-of-the-provider"
	said := "secret-of-the-client, secret-of-the-provider, password-of-redis, postgresql://who:typed-manually@host/db"

	require.Equal(t, "…, …, …, postgresql://who:…@host/db", d.redact(said))
}

func TestAContainerThatIsNotRunningOrNotHealthyIsAFinding(t *testing.T) {
	healthy := &container.State{Status: "running", Health: &container.Health{Status: container.Healthy}}
	seen := func(s *container.State, networks ...string) container.InspectResponse {
		on := container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: s, HostConfig: &container.HostConfig{}}, NetworkSettings: &container.NetworkSettings{}}
		on.NetworkSettings.Networks = endpoints(networks...)
		return on
	}
	d := a()
	require.Empty(t, d.judgeContainer(Redis, seen(healthy, "x-data")))
	require.Equal(t, []string{"network-disconnected"}, idsOf(d.judgeContainer(Redis, seen(healthy))))
	for id, state := range map[string]*container.State{
		"container-paused":     {Status: "paused"},
		"container-restarting": {Status: "restarting"},
		"container-exited":     {Status: "exited"},
		"environment-unknown":  {Status: "running"},
		"container-unhealthy":  {Status: "running", Health: &container.Health{Status: container.Unhealthy}},
	} {
		require.Equal(t, []string{id}, idsOf(d.judgeContainer(Redis, seen(state, "x-data"))))
	}
}

func TestACertificateIsJudgedByTimeNameAndAuthority(t *testing.T) {
	now := time.Now()
	d := a()
	own := certificate(t, "mlflow.test", now.Add(-time.Hour), now.Add(11*time.Hour))
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Raw}))

	require.Empty(t, d.judgeCertificate("mlflow.test", []*x509.Certificate{own}, authority, now))
	require.Equal(t, []string{"certificate-untrusted"}, idsOf(d.judgeCertificate("mlflow.test", []*x509.Certificate{own}, "", now)))
	require.Equal(t, []string{"certificate-names"}, idsOf(d.judgeCertificate("auth.test", []*x509.Certificate{own}, authority, now)))
	require.Equal(t, []string{"certificate-expired"}, idsOf(d.judgeCertificate("mlflow.test", []*x509.Certificate{own}, authority, now.Add(12*time.Hour))))
	require.Equal(t, []string{"certificate-soon"}, idsOf(d.judgeCertificate("mlflow.test", []*x509.Certificate{own}, authority, now.Add(10*time.Hour+time.Minute))))
	require.Equal(t, []string{"certificate-not-yet-valid"}, idsOf(d.judgeCertificate("mlflow.test", []*x509.Certificate{own}, authority, now.Add(-2*time.Hour))))

	other := certificate(t, "mlflow.test", now, now.Add(time.Hour))
	require.Empty(t, d.judgePublic("mlflow.test", own, own))
	require.Equal(t, []string{"intercepted"}, idsOf(d.judgePublic("mlflow.test", own, other)))
}

// certificate returns a self-signed certificate.
func certificate(t *testing.T, host string, from, to time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, like, like, key.Public(), key)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return made
}
