package version

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func recorded(main string, settings ...string) *debug.BuildInfo {
	info := &debug.BuildInfo{Main: debug.Module{Version: main}}
	for i := 0; i < len(settings); i += 2 {
		info.Settings = append(info.Settings, debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
	}
	return info
}

func TestABuildThatIsNoReleaseSaysSoAndNamesItsCommit(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef01234567"
	for want, b := range map[string]Build{
		"devel":                       of(recorded("(devel)"), "", "", ""),
		"devel+0123456789ab":          of(recorded("(devel)"), "", hash, "false"),
		"devel+0123456789ab.modified": of(recorded("v0.0.0-20260101000000-0123456789ab+dirty", "vcs.revision", hash, "vcs.modified", "true"), "", "", ""),
		"devel+abc":                   of(recorded("(devel)", "vcs.revision", hash, "vcs.modified", "true"), "", "abc", "false"),
		"v1.2.0":                      of(recorded("(devel)"), "v1.2.0", hash, "false"),
		"v1.3.0":                      of(recorded("v1.3.0"), "", "", ""),
	} {
		require.Equal(t, want, b.Version)
		require.NotEmpty(t, b.Go)
	}
}

// The pinned versions are read from the files that build the images.
func TestThePartsAreThoseThatTheRepositoryPins(t *testing.T) {
	parts, err := Parts()
	require.NoError(t, err)
	versions := map[string]string{}
	for _, p := range parts {
		require.NotEmpty(t, p.Version, p.Name)
		versions[p.Name] = p.Version
	}
	for _, name := range []string{"Pulumi command line", "Pulumi plugin docker", "Keycloak", "MLflow", "MLflow plugin mlflow-oidc-auth", "PostgreSQL"} {
		require.Contains(t, versions, name)
	}
	dockerfile, err := os.ReadFile("../../images/keycloak/Dockerfile")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(dockerfile), "KEYCLOAK_VERSION="+versions["Keycloak"]+"\n"))
}
