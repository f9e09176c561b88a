package tests

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/platform"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// several is a program with platforms of these names, each with everything that a stack file can
// name.
func several(t *testing.T, names ...string) pulumi.RunFunc {
	t.Helper()
	ports := [][2]string{{"5000", "8080"}, {"5001", "8081"}, {"5002", "8082"}}
	var all []*config.Config
	for i, name := range names {
		all = append(all, settingsFrom(t, map[string]string{
			"mlflow-sso:name": name, "mlflow-sso:realm": `{"demoUsers": true, "sslRequired": "none"}`,
			"mlflow-sso:mlflow":          `{"publicURL": "http://localhost:` + ports[i][0] + `", "port": ` + ports[i][0] + `}`,
			"mlflow-sso:keycloak":        `{"publicURL": "http://localhost:` + ports[i][1] + `", "port": ` + ports[i][1] + `}`,
			"mlflow-sso:serviceAccounts": `[{"name": "ci", "groups": ["mlflow-users"]}]`,
			"mlflow-sso:users":           `[{"username": "ada", "email": "ada@example.com", "firstName": "Ada", "lastName": "L", "groups": ["mlflow-admins"]}]`,
		}))
	}
	return func(ctx *pulumi.Context) error {
		for i, name := range names {
			if _, err := platform.New(ctx, name, &platform.Args{Config: all[i], Images: platform.ImagesFolder}); err != nil {
				return err
			}
		}
		return nil
	}
}

func recordSeveral(t *testing.T, names ...string) *pulumimock.Recording {
	t.Helper()
	t.Chdir(inRepository("tests/testdata"))
	r, err := pulumimock.Run(t, several(t, names...), providers()...)
	require.NoError(t, err)
	return r
}

func TestAProgramCanHaveSeveralPlatforms(t *testing.T) {
	r := recordSeveral(t, platform.Name, "research", "teaching")

	for _, container := range []string{"postgres-container", "research-postgres-container", "teaching-postgres-container"} {
		r.Get(t, containerType, container)
	}
	one := recordSeveral(t, platform.Name)
	want, got := 3*len(one.Resources), len(r.Resources)
	require.Equal(t, want, got, "each is whole")
}

// A program of another team named its platform before names followed it.
func TestTheComponentsOfANamedPlatformWereCalledWithoutItsNameBefore(t *testing.T) {
	r := recordSeveral(t, "research")

	components := 0
	for _, made := range r.Resources {
		if !strings.HasSuffix(made.Parent, "::research") {
			continue
		}
		require.True(t, strings.HasPrefix(made.Name, "research-"), made.Name)
		if made.Name == "research-login-proof" || made.Name == "research-plugin" { // new with its name
			continue
		}
		components++
		former := strings.TrimPrefix(made.Name, "research-")
		require.Contains(t, strings.Join(made.Aliases, "\n"), `name:"`+former+`"`, made.Name)
	}
	require.Greater(t, components, 10)
	// Pulumi gives a child the alias of its parent if its name begins with its parent's.
	for _, made := range r.Resources {
		require.True(t, made.Parent == "" || strings.HasPrefix(made.Name, "research"), "%s is not called after its parent", made.Key())
	}
}
