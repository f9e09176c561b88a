//go:build mutation

package tests

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A mutation is a mistake that a developer could make, and the test that must fail for it.
type mutation struct {
	name, file string
	// from is replaced by to. Spaces match any white space, so that a line may be realigned.
	from, to string
	// red is the test that fails. "compiler" means that the mistake does not build.
	red string
}

const compiler = "compiler"

var mutations = []mutation{
	{"the groups claim has the full path", "components/realm/objects.go", `FullPath: pulumi.Bool(false),`, ``, "TestEleven11GroupNamesAreTheSameOnBothSides"},
	{
		"public and internal address are swapped", "platform/platform.go",
		`Public: p.keycloak.Public, Internal: p.keycloak.Internal,`, `Public: p.keycloak.Internal, Internal: p.keycloak.Public,`, compiler,
	},
	{"the issuer is internal", "components/realm/realm.go", `args.Public.URL(issuer)`, `args.Internal.URL(issuer)`, "TestEleven04BrowsersAreOnlyEverSentToPublicAddresses"},
	{"discovery is public", "components/realm/realm.go", `args.Internal.URL(issuer +`, `args.Public.URL(issuer +`, "TestEleven05MLflowAsksKeycloakOnThePrivateNetwork"},
	{
		"Postgres is published", "components/postgres/postgres.go",
		`Networks: []pulumi.StringInput{a.Network},`, `Networks: []pulumi.StringInput{a.Network}, Publish: []container.Port{{Host: port, Container: port}},`,
		"TestOnlyTheEdgeIsReachedByOtherMachines",
	},
	{"ports are open to other machines", "components/internal/container/container.go", `var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})`, `var loopback = netip.AddrFrom4([4]byte{0, 0, 0, 0})`, "TestOnlyTheEdgeIsReachedByOtherMachines"},
	{
		"Keycloak is published beside the edge", "components/keycloak/keycloak.go",
		`env["KC_PROXY_HEADERS"] = pulumi.String("xforwarded")`, `env["KC_PROXY_HEADERS"], publish = pulumi.String("xforwarded"), []container.Port{{Host: a.Port, Container: port}}`,
		"TestOnlyTheEdgeIsReachedByOtherMachines",
	},
	{
		"MLflow trusts forwarded headers from any client", "components/mlflow/environment.go",
		`netip.PrefixFrom(a.EdgeAddress, a.EdgeAddress.BitLen())`, `netip.PrefixFrom(a.EdgeAddress, 0)`, "TestServicesTrustOnlyTheEdgesAddress",
	},
	{"no limit of processes", "components/internal/container/container.go", `Soft: pulumi.Int(maxProcesses), Hard: pulumi.Int(maxProcesses),`, `Soft: pulumi.Int(-1), Hard: pulumi.Int(-1),`, "TestNoContainerMakesProcessesWithoutEnd"},
	{"no memory limit", "components/internal/container/container.go", `Memory: pulumi.Int(a.MemoryMB),`, ``, "TestNoContainerUsesMoreMemoryThanItsLimit"},
	{"another root secret is never made", "components/credentials/credentials.go", `number <= c.number;`, `number <= 1;`, "TestAnotherRootSecretTurnsEveryCredentialAndTheEarlierOneStays"},
	{"no secret is marked", "components/credentials/credentials.go", `pulumi.ToSecret(root.Base64).(`, `pulumi.Unsecret(root.Base64).(`, "TestNoCredentialIsEverUnmarked"},
	{"a container is replaced while the old one is there", "components/internal/container/container.go", `pulumi.DeleteBeforeReplace(true),`, ``, "TestWhatHasAFixedNameIsDeletedBeforeItIsReplaced"},
	{
		"the session cookie travels in clear", "components/mlflow/environment.go",
		`"SESSION_COOKIE_SECURE": pulumi.String(strconv.FormatBool(a.Public.TLS())),`, `"SESSION_COOKIE_SECURE": no,`,
		"TestEleven08SessionsAreSharedByAllWorkersAndOutliveThem",
	},
	{"the scopes are misspelt", "components/mlflow/environment.go", `"OIDC_SCOPE":`, `"OIDC_SCOPES":`, "TestEleven07ScopesAreSpeltAsThePluginReadsThem"},
	{"the group has another name", "components/mlflow/environment.go", `pulumi.String(a.OIDC.UserGroup)`, `pulumi.String("/" + a.OIDC.UserGroup)`, "TestEleven11GroupNamesAreTheSameOnBothSides"},
	{"data is not protected", "components/internal/container/volume.go", `childopts.Protected(args.Protect)`, `childopts.Protected(false)`, "TestDataIsProtectedWhereAskedForAndNowhereElse"},
	{"the certificate of an external database is not verified", "components/postgres/external.go", `sslmode=verify-full`, `sslmode=require`, "TestClientsOfAnExternalDatabaseVerifyTheServer"},
	{"the name of an external cache is not compared", "components/redis/redis.go", `&ssl_check_hostname=true`, ``, "TestTheClientOfAnExternalCacheVerifiesTheServerAndPrefixesItsKeys"},
	{"stacks share the keys of an external cache", "components/redis/external.go", `Prefix: e.Prefix,`, ``, "TestTheClientOfAnExternalCacheVerifiesTheServerAndPrefixesItsKeys"},
	{"a password from a file is not marked", "components/postgres/external.go", `pulumi.ToSecret(pulumi.String(password)).(pulumi.StringOutput)`, `pulumi.String(password).ToStringOutput()`, "TestEachExternalSecretReachesOnlyTheContainersThatNeedIt"},
	{"MLflow waits for nothing", "components/internal/container/container.go", `return r == nil }`, `return true }`, "TestWhatIsOfTheStackIsStillWaitedFor"},
	{"Keycloak has an administrator that is not configured", "platform/platform.go", `if p.config.Keycloak.PermanentAdmin {`, `if p.config != nil {`, "TestNoPermanentAdministratorExistsUnlessConfigured"},
	{"an account is joined that has the same address", "components/identityprovider/identityprovider.go", `pulumi.String("REQUIRED")`, `pulumi.String("ALTERNATIVE")`, "TestNoUserOfAProviderTakesOverAnAccount"},
	{"a provider changes an address later", "components/identityprovider/identityprovider.go", `SyncMode: pulumi.String("IMPORT"),`, `SyncMode: pulumi.String("FORCE"),`, "TestNoUserOfAProviderTakesOverAnAccount"},
	{"an answer by SAML needs no signature", "components/identityprovider/saml.go", `ValidateSignature:         pulumi.Bool(true),`, `ValidateSignature:         pulumi.Bool(false),`, "TestAnAnswerBySAMLCountsForNothingWithoutTheProvidersSignature"},
	{"a user name may be another user's address", "components/identityprovider/identityprovider.go", `"${ALIAS}.${CLAIM.email}"`, `"${CLAIM.preferred_username}"`, "TestNoUserOfAProviderTakesOverAnAccount"},
	{"the groups of a provider are taken once", "components/identityprovider/identityprovider.go", `"syncMode": "FORCE", "claims"`, `"syncMode": "IMPORT", "claims"`, "TestTheGroupsOfAProviderAreCheckedAtEachLogin"},
	{"a user without an address is found in a directory", "components/identityprovider/ldap.go", `"(&(mail=*)" + l.Filter + ")"`, `l.Filter`, "TestADirectoryIsReadOverTLSAndUsersWithoutAnAddressAreExcluded"},
	{"what administrators change is kept indefinitely", "components/realm/realm.go", `Attributes: b.adminEventsExpire(),`, ``, "TestEventsOfEitherKindAreKeptForTheSameTime"},
	{"an ID token of a machine is for MLflow", "components/realm/service_accounts.go", `AddToIdToken: pulumi.Bool(false), // an ID token is for the account itself`, `AddToIdToken: pulumi.Bool(true),`, "TestTokensOfServiceAccountsAreForMLflowAndSayNoAddress"},
	{"a machine logs in at a page", "components/realm/service_accounts.go", `StandardFlowEnabled: pulumi.Bool(false),`, `StandardFlowEnabled: pulumi.Bool(true),`, "TestAServiceAccountHasOneWayToATokenAndThatIsItsSecret"},
	{"the health check is curl", "components/internal/container/container.go", `{"CMD", "healthcheck"}`, `{"CMD", "curl"}`, "TestEleven02HealthChecksNeedNothingThatAnImageMayLack"},
	{"what takes snapshots may change the artifacts", "components/backup/backup.go", `args.Artifacts, []string{ArtifactPath}`, `args.Artifacts, nil`, "TestTheBackupContainerCannotChangeWhatItReads"},
	{"what takes snapshots owns the databases", "platform/backup.go", `args.Databases, args.Data = p.postgres.Read, p.network.Data`, `args.Data = p.network.Data`, "TestSnapshotCredentialsReachOnlyTheContainersThatNeedThem"},
	{"the proof waits for nothing", "platform/login_proof.go", `"id": one.resource.ID(), `, ``, "TestTheProofComesLast"},
	{"a changed setting needs no proof", "platform/login_proof.go", `, "inputs": one.inputs`, ``, "TestTheProofIsOutdatedByAChangeOfWhateverItDependsOn"},
	{"the outputs are given to the proof in clear", "components/loginproof/loginproof.go", `pulumi.ToSecret(pulumi.JSONMarshal(args.Outputs))`, `pulumi.Unsecret(pulumi.JSONMarshal(args.Outputs))`, "TestTheProofIsGivenTheOutputsAsOneSecret"},
	{"a digest is in clear", "components/loginproof/loginproof.go", `marked[name] = pulumi.ToSecret(digest)`, `marked[name] = pulumi.Unsecret(digest.ToStringOutput())`, "TestTheProofIsOutdatedByAChangeOfWhateverItDependsOn"},
	{"snapshots in a folder have a way out", "platform/backup.go", `if p.postgres == nil || set.S3 != nil {`, `if true {`, "TestOnlySnapshotsThatLeaveTheHostHaveAWayOut"},
}

// Each test must fail for the mistake that it is written for. Run with -v: it takes minutes and
// reports its progress.
func TestMutationsEachTurnATestRed(t *testing.T) {
	start := time.Now()
	progress := func(format string, args ...any) {
		_, _ = fmt.Fprintf(os.Stderr, "%5.0fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	folder := copyOfTheModule(t)

	var all []string
	for _, m := range mutations {
		if m.red != compiler {
			all = append(all, m.red)
		}
	}
	progress("without a mistake: want green")
	out, err := test(t, folder, all...)
	require.NoError(t, err, "the tests are red without a mistake:\n%s", out)

	for i, m := range mutations {
		progress("%d of %d: %s", i+1, len(mutations), m.name)
		t.Run(m.name, func(t *testing.T) {
			undo := apply(t, folder, m)
			defer undo()
			if m.red == compiler {
				out, err := test(t, folder, "TestGraphIsTheOneThatWasReviewed")
				require.Error(t, err)
				require.Contains(t, out, "[build failed]", "it was to be refused by the compiler")
				require.Contains(t, out, "cannot use")
				return
			}
			out, err := test(t, folder, m.red)
			require.Error(t, err, "%s does not notice", m.red)
			require.Contains(t, out, "--- FAIL: "+m.red, "something else failed:\n%s", out)
		})
	}
	progress("done")
}

// test runs tests of this package in a copy, with the shared build cache.
func test(t *testing.T, folder string, names ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-run", "^("+strings.Join(names, "|")+")$", "./tests")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// apply makes a mistake in a copy. A text that does not occur exactly once fails the test: it
// would prove nothing.
func apply(t *testing.T, folder string, m mutation) (undo func()) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(m.file))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	pattern := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(m.from), " ", `\s+`))
	require.Len(t, pattern.FindAll(before, -1), 1, "%s has changed: want this in it exactly once: %s", m.file, m.from)
	after := pattern.ReplaceAllLiteral(before, []byte(m.to))
	require.NoError(t, os.WriteFile(path, after, 0o600))
	return func() { require.NoError(t, os.WriteFile(path, before, 0o600)) }
}

// copyOfTheModule copies everything that the tests of this package read and build.
func copyOfTheModule(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	needed := []string{"go.mod", "go.sum", "main.go", "Pulumi.yaml", "components", "config", "contract", "images", "internal", "platform", "tests"}
	for _, stack := range stacks {
		needed = append(needed, "Pulumi."+stack+".yaml")
	}
	for _, name := range needed {
		require.NoError(t, filepath.WalkDir(inRepository(name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(inRepository("."), path)
			if err != nil {
				return err
			}
			to := filepath.Join(folder, relative)
			if entry.IsDir() {
				if slices.Contains([]string{"tests/e2e", "tests/bench", "tests/edge"}, filepath.ToSlash(relative)) {
					return fs.SkipDir
				}
				return os.MkdirAll(to, 0o755)
			}
			info, err := entry.Info()
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, content, info.Mode().Perm()|0o600)
		}))
	}
	return folder
}
