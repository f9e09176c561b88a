//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	_ "embed" // the script
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/host/freeport"
)

//go:embed testdata/slapd.sh
var slapdScript string

const directoryPassword = "Directory-password-88"

// people of the directory, in the form that an operator loads. Lena has the address of one of the
// stack's users, and nora has none.
func directoryPeople() string {
	var text strings.Builder
	text.WriteString("dn: dc=company,dc=example\nobjectClass: domain\ndc: company\n\n")
	for _, unit := range []string{"people", "groups"} {
		fmt.Fprintf(&text, "dn: ou=%[1]s,dc=company,dc=example\nobjectClass: organizationalUnit\nou: %[1]s\n\n", unit)
	}
	for uid, mail := range map[string]string{"leo": "leo@company.example", "lisa": "lisa@company.example", "lars": "lars@company.example", "lena": "demo-member@example.com", "nora": ""} {
		fmt.Fprintf(&text, "dn: uid=%[1]s,ou=people,dc=company,dc=example\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: Company\nuserPassword: %[2]s\n", uid, directoryPassword)
		if mail != "" {
			fmt.Fprintf(&text, "mail: %s\n", mail)
		}
		text.WriteString("\n")
	}
	for group, members := range map[string][]string{"mlflow-admins": {"leo", "lena"}, "mlflow-users": {"lisa", "nora"}, "sales": {"lars"}} {
		fmt.Fprintf(&text, "dn: cn=%[1]s,ou=groups,dc=company,dc=example\nobjectClass: groupOfNames\ncn: %[1]s\n", group)
		for _, member := range members {
			fmt.Fprintf(&text, "member: uid=%s,ou=people,dc=company,dc=example\n", member)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// startDirectory runs Debian's slapd with TLS, and returns its port.
func startDirectory(t *testing.T, o *outside) int {
	t.Helper()
	name := fmt.Sprintf("e2e-directory:%d", time.Now().UnixNano())
	built, err := o.docker.API().ImageBuild(t.Context(), archive(t, map[string]string{
		"Dockerfile": "FROM " + baseImage() + "\nRUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends slapd && rm -rf /var/lib/apt/lists/*\n",
	}, 0), build.ImageBuildOptions{Tags: []string{name}, Remove: true, ForceRemove: true, NetworkMode: "host"})
	require.NoError(t, err)
	said, err := io.ReadAll(built.Body)
	require.NoError(t, err)
	require.Contains(t, string(said), "Successfully tagged", "%s", said)
	t.Cleanup(func() {
		_, err := o.docker.API().ImageRemove(context.Background(), name, image.RemoveOptions{Force: true, PruneChildren: true})
		require.NoError(t, err)
	})
	ports, err := freeport.Ports(1)
	require.NoError(t, err)
	password := newSecret()
	o.writes(t, "directory", password)
	o.runs(t, name, 0, slapdScript, map[string]string{"certificate.pem": o.chain, "key.pem": o.key, "people.ldif": directoryPeople(), "password": password},
		"ADDRESS="+o.address, "PORT="+strconv.Itoa(ports[0]))
	require.Eventually(t, func() bool {
		connection, err := tls.Dial("tcp4", net.JoinHostPort(o.address, strconv.Itoa(ports[0])), &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12})
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, time.Minute, 200*time.Millisecond, "no directory")
	return ports[0]
}

// Users of a directory log in with their directory password, in Keycloak's own form.
func peopleOfADirectoryGetAccessByItsGroupsAndTakeOverNoAccount(t *testing.T) {
	l, o := peopled.up(t), newOutside(t)
	deployed := peopled.deployed
	s := changes(t, l)
	port := startDirectory(t, o)
	settings := fmt.Sprintf(`  mlflow-sso:images: {keycloak: "%s"}
  mlflow-sso:identityProviders:
    - alias: directory
      groups: {mlflow-admins: mlflow-admins, mlflow-users: mlflow-users}
      trustEmail: true
      ldap:
        host: %s
        port: %d
        bindDN: cn=reader,dc=company,dc=example
        bindPasswordFile: %s/directory
        usersDN: ou=people,dc=company,dc=example
        groupsDN: ou=groups,dc=company,dc=example
`, o.trusting, o.address, port, o.secrets)
	got := s.up(t, "", settings)
	bind := o.secret(t, "directory")
	require.NotContains(t, got.stdout+got.stderr, bind)
	isNowhere(t, bind, directoryPassword)

	require.Equal(t, "administrator leo@company.example", logsIn(t, deployed, "leo", directoryPassword))
	require.Equal(t, "member lisa@company.example", logsIn(t, deployed, "lisa", directoryPassword))
	require.Equal(t, refusal, logsIn(t, deployed, "lars", directoryPassword))
	require.Equal(t, "wrong password", logsIn(t, deployed, "lisa", "something else"))
	require.Equal(t, "wrong password", logsIn(t, deployed, "nora", directoryPassword), "a user without an address is refused")
	require.NotContains(t, logsIn(t, deployed, "lena", directoryPassword), "demo-member", "an address that a user has is not hers")
	require.Contains(t, l.must(t, "drift").stdout, "no drift")
	again, err := l.outputs(t.Context())
	require.NoError(t, err)
	requireAllPassed(t, prove(t, again))
	requireHealthy(t, l)

	// A password that the directory refuses is found.
	o.writes(t, "directory", newSecret())
	s.up(t, "", settings)
	sick, err := l.run(t.Context(), "doctor", "--output", "json")
	require.NoError(t, err)
	require.Contains(t, sick.stdout, "directory-refuses")
	require.NotContains(t, sick.stdout, bind)
}
