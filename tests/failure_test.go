package tests

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/components/edge"
	"github.com/mlflow-sso/mlflow-sso/components/image"
	"github.com/mlflow-sso/mlflow-sso/components/keycloak"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/components/network"
	"github.com/mlflow-sso/mlflow-sso/components/postgres"
	"github.com/mlflow-sso/mlflow-sso/components/realm"
	"github.com/mlflow-sso/mlflow-sso/components/redis"
	"github.com/mlflow-sso/mlflow-sso/platform"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// A resource that cannot be created fails the run, names itself and its component, and nothing
// that needs it is created.
func TestFailureOfAnyResourceNamesItsComponentAndStopsWhatNeedsIt(t *testing.T) {
	whole, err := run(t, "dev")
	require.NoError(t, err)
	require.Greater(t, len(whole.Resources), 25)
	for _, failed := range whole.Resources {
		t.Run(failed.Name+" "+failed.Type, func(t *testing.T) {
			r, err := run(t, "dev", pulumimock.FailNamed(failed.Type, failed.Name))
			require.ErrorContains(t, err, pulumimock.ErrInjected.Error())
			require.ErrorContains(t, err, failed.Key())
			if failed.Parent != "" {
				require.ErrorContains(t, err, failed.Parent)
			}
			for _, made := range r.Resources {
				require.NotEqual(t, failed.Key(), made.Key())
				require.NotContains(t, needs(whole, made.Key()), failed.Key(), "%s was made without what it needs", made.Key())
				require.NotEqual(t, failed.Key(), made.Parent, "%s was made without its component", made.Key())
			}
		})
	}
}

// A failure before any request to the engine names the component in the program's own words, and
// registers nothing of it.
func TestComponentWithoutArgumentsNamesItselfAndRegistersNothing(t *testing.T) {
	for name, build := range map[string]func(*pulumi.Context) error{
		"credentials": func(ctx *pulumi.Context) error { _, err := credentials.New(ctx, "mine", nil); return err },
		"edge":        func(ctx *pulumi.Context) error { _, err := edge.New(ctx, "mine", nil); return err },
		"image":       func(ctx *pulumi.Context) error { _, err := image.New(ctx, "mine", nil); return err },
		"keycloak":    func(ctx *pulumi.Context) error { _, err := keycloak.New(ctx, "mine", nil); return err },
		"mlflow":      func(ctx *pulumi.Context) error { _, err := mlflow.New(ctx, "mine", nil); return err },
		"network":     func(ctx *pulumi.Context) error { _, err := network.New(ctx, "mine", nil); return err },
		"platform":    func(ctx *pulumi.Context) error { _, err := platform.New(ctx, "mine", nil); return err },
		"postgres":    func(ctx *pulumi.Context) error { _, err := postgres.New(ctx, "mine", nil); return err },
		"realm":       func(ctx *pulumi.Context) error { _, err := realm.New(ctx, "mine", nil); return err },
		"redis":       func(ctx *pulumi.Context) error { _, err := redis.New(ctx, "mine", nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := pulumimock.Run(t, build)
			require.ErrorContains(t, err, name+` "mine": args: got no`)
			require.Empty(t, r.Resources)
		})
	}
}

// Empty arguments are the zero values of everything: each missing one is named.
func TestComponentWithEmptyArgumentsNamesEachThatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		build func(*pulumi.Context) error
		want  []string
	}{
		"credentials": {func(ctx *pulumi.Context) error {
			_, err := credentials.New(ctx, "mine", &credentials.Args{Generations: map[credentials.Label]int{"unknown": 0}})
			return err
		}, []string{`"unknown"`, "is 0, want 1 to 999"}},
		"edge": {
			func(ctx *pulumi.Context) error { _, err := edge.New(ctx, "mine", &edge.Args{}); return err },
			[]string{"Network", "Address", "Listen", "HTTPPort", "MLflow", "Keycloak", "MLflowAt", "Admin", "Realm", "Certificates", "MaxRequestMB", "LoginsPerMinute", "Deployment", "Image", "MemoryMB", "Restart"},
		},
		"image": {
			func(ctx *pulumi.Context) error { _, err := image.New(ctx, "mine", &image.Args{}); return err },
			[]string{"Deployment", "Service", "Folder", "Base"},
		},
		"keycloak": {
			func(ctx *pulumi.Context) error { _, err := keycloak.New(ctx, "mine", &keycloak.Args{}); return err },
			[]string{"Edge", "Data", "Port", "Public", "Database", "ProviderSecret", "Deployment", "Image", "MemoryMB", "Restart"},
		},
		"mlflow": {
			func(ctx *pulumi.Context) error { _, err := mlflow.New(ctx, "mine", &mlflow.Args{}); return err },
			[]string{"Edge", "Port", "Public", "Workers", "DefaultPermission", "Backend", "Auth", "Cache", "OIDC", "SessionKey", "SessionTokenKey", "GatewayKey", "Deployment", "Image", "MemoryMB", "Restart"},
		},
		"network": {
			func(ctx *pulumi.Context) error { _, err := network.New(ctx, "mine", &network.Args{}); return err },
			[]string{"Deployment"},
		},
		"postgres": {
			func(ctx *pulumi.Context) error { _, err := postgres.New(ctx, "mine", &postgres.Args{}); return err },
			[]string{"Network", "Superuser", "Databases", "Deployment", "Image", "MemoryMB", "Restart"},
		},
		"realm": {
			func(ctx *pulumi.Context) error { _, err := realm.New(ctx, "mine", &realm.Args{}); return err },
			[]string{"Admin", "Public", "Internal", "Application", "RedirectPath", "LogoutPath", "ClientSecret", "SSLRequired", "AccessTokenLifespan", "PasswordPolicy", "EventsExpiration"},
		},
		"redis": {
			func(ctx *pulumi.Context) error { _, err := redis.New(ctx, "mine", &redis.Args{}); return err },
			[]string{"Network", "Password", "Deployment", "Image", "MemoryMB", "Restart"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := pulumimock.Run(t, test.build)
			require.Error(t, err)
			for _, want := range append(test.want, name+` "mine"`) {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, r.Resources)
		})
	}
}

func TestImageWithoutAFolderNamesTheFolderAndRegistersNothing(t *testing.T) {
	r, err := pulumimock.Run(t, func(ctx *pulumi.Context) error {
		_, err := image.New(ctx, "postgres", &image.Args{Deployment: "d", Service: "postgres", Folder: filepath.Join("no", "such"), Base: "base"})
		return err
	})
	require.ErrorContains(t, err, `image "postgres": build context no/such/postgres`)
	require.Empty(t, r.Resources)
}

func TestImageOfARegistryIsNeitherBuiltNorDeleted(t *testing.T) {
	r, err := pulumimock.Run(t, func(ctx *pulumi.Context) error {
		_, err := image.New(ctx, "postgres", &image.Args{Deployment: "d", Service: "postgres", Reference: "registry.example.com/postgres@sha256:0"})
		return err
	})
	require.NoError(t, err)
	made := r.Get(t, imageType, "postgres-image")
	require.False(t, made.Has("build"))
	require.Equal(t, true, input(t, made, "keepLocally").Value)
}

// A preview knows nothing that a provider computes; code that waits for it hangs.
func TestPreviewOfAnEmptyHostEnds(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			watchdog := time.AfterFunc(time.Minute, func() {
				panic("a preview takes more than a minute: something waits for a value that a preview never knows")
			})
			defer watchdog.Stop()
			whole, err := run(t, stack)
			require.NoError(t, err)
			r, err := run(t, stack, pulumimock.DryRun())
			require.NoError(t, err)
			require.Equal(t, keys(whole), keys(r), "a preview shows every resource, and no other")

			// The test has unknown values, and they stay secret.
			require.True(t, input(t, service(t, r, "mlflow"), "image").Unknown)
			unknown := 0
			for _, leaf := range service(t, r, "mlflow").Leaves() {
				if leaf.Unknown && strings.HasPrefix(leaf.Path, "envs[") {
					require.True(t, leaf.Secret, "a preview shows %s", leaf.Path)
					unknown++
				}
			}
			require.GreaterOrEqual(t, unknown, 7)
		})
	}
}

func keys(r *pulumimock.Recording) []string {
	var all []string
	for _, made := range r.Resources {
		all = append(all, made.Key())
	}
	slices.Sort(all)
	return all
}
