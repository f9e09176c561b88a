package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/components/loginproof"
	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/config"
	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
	"github.com/mlflow-sso/mlflow-sso/platform"
	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

const platformKey = "mlflow-sso:platform:Platform::platform"

func TestEveryResourceIsUnderItsComponent(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range r.Resources {
			switch {
			case made.Key() == platformKey:
				require.Empty(t, made.Parent)
			case !made.Custom:
				require.Equal(t, platformKey, made.Parent, "of component %s", made.Key())
			default:
				// "mlflow-sso:redis:Server::redis" owns "redis-container".
				require.True(t, strings.HasPrefix(made.Parent, "mlflow-sso:"), "%s has parent %q, want a component", made.Key(), made.Parent)
				_, component, _ := strings.Cut(made.Parent, "::")
				require.True(t, strings.HasPrefix(made.Name, component+"-"), "%s is under %s, want a name that begins with %q", made.Key(), made.Parent, component+"-")
			}
		}
	})
}

// A new name is a new resource: these would lose data, or log all users out.
func TestNamesOfWhatHoldsDataNeverChange(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		for key, parent := range map[string]string{
			rootType + "::credentials-root":   "mlflow-sso:credentials:Credentials::credentials",
			volumeType + "::postgres-data":    "mlflow-sso:postgres:Server::postgres",
			volumeType + "::mlflow-artifacts": "mlflow-sso:mlflow:Server::mlflow",
			realmType + "::realm-realm":       "mlflow-sso:realm:Realm::realm",
			clientType + "::realm-client":     "mlflow-sso:realm:Realm::realm",
		} {
			token, name, _ := strings.Cut(key, "::")
			require.Equal(t, parent, r.Get(t, token, name).Parent, "of %s", key)
		}
		deployment := settings(t, stack).Name
		require.Equal(t, deployment+"-postgres-data", input(t, r.Get(t, volumeType, "postgres-data"), "name").Value)
		require.Equal(t, deployment+"-mlflow-artifacts", input(t, r.Get(t, volumeType, "mlflow-artifacts"), "name").Value)
	})
}

func TestDataIsProtectedWhereAskedForAndNowhereElse(t *testing.T) {
	data := []string{volumeType + "::mlflow-artifacts", volumeType + "::postgres-data", rootType + "::credentials-root"}
	want := map[string][]string{"dev": nil, "prod": append([]string{volumeType + "::edge-certificates"}, data...)}
	volumes := map[string]int{"dev": 2, "prod": 3}
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		var protected []string
		for _, made := range r.Resources {
			if made.Protect {
				protected = append(protected, made.Key())
			}
		}
		slices.Sort(protected)
		require.Equal(t, want[stack], protected)
		require.Len(t, r.OfType(t, volumeType), volumes[stack], "a new volume: does it hold data that wants protection?")
	})
}

func TestNothingDependsOnAComponent(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		components := map[string]bool{}
		for _, made := range r.Resources {
			components[made.Key()] = !made.Custom
		}
		require.Contains(t, slices.Collect(maps.Values(components)), true)
		for _, made := range r.Resources {
			for _, needed := range made.DependsOn {
				require.False(t, components[needed], "%s depends on %s, want on the resource itself: which children count is a race", made.Key(), needed)
			}
		}
	})
}

func TestMLflowStartsWithoutWaitingForKeycloak(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		needed := needs(r, containerType+"::mlflow-container")
		require.Contains(t, needed, containerType+"::postgres-container")
		require.Contains(t, needed, containerType+"::redis-container")
		for _, key := range needed {
			require.NotContains(t, key, "keycloak", "MLflow would start only after Keycloak")
		}
	})
}

// pluginProvider is the provider that has no login.
const pluginProvider = pulumiplugin.ProviderType + "::" + platform.Name + "-plugin"

func TestEverythingInsideAServiceNamesItsProviderAndIsDeletedWithItsContainer(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		providers := map[string]string{"keycloak": providerType + "::realm-keycloak", "mlflow-sso": pulumiplugin.ProviderType + "::realm-own"}
		checked := 0
		for _, made := range r.Resources {
			pkg, _, _ := strings.Cut(made.Type, ":")
			provider, ok := providers[pkg]
			if !ok || !made.Custom {
				continue
			}
			checked++
			inside := containerType + "::keycloak-container"
			if made.Type == mlflow.EncryptionKeyType {
				inside = containerType + "::mlflow-container"
			}
			if made.Type == mlflow.EncryptionKeyType || made.Type == loginproof.TypeToken {
				provider = pluginProvider
			}
			require.Equal(t, provider, made.Provider, "of %s", made.Key())
			require.Equal(t, inside, made.DeletedWith, "of %s", made.Key())
			needed := needs(r, made.Key())
			require.Contains(t, needed, inside, "%s would be made before its service answers", made.Key())
			secret := identity.ClientSecretType + "::realm-provider-secret"
			if made.Key() != secret && made.Type != mlflow.EncryptionKeyType {
				require.Contains(t, needed, secret, "%s would be made with a secret that Keycloak does not have yet", made.Key())
			}
		}
		require.Greater(t, checked, 5)
	})
}

// Before a container is replaced, Pulumi asks the provider of everything that is computed from it
// whether that is replaced as well. A preview fails there if the provider's own configuration
// is unknown, as a secret is that a new root secret derives.
func TestWhatIsComputedFromAContainerHasAProviderThatAPreviewAlwaysKnows(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		computed := 0
		for _, made := range r.Resources {
			if !made.Custom || strings.HasPrefix(made.Type, "docker:") || !slices.ContainsFunc(made.ComputedFrom, func(key string) bool {
				return strings.HasPrefix(key, containerType+"::")
			}) {
				continue
			}
			computed++
			require.Equal(t, pluginProvider, made.Provider, "of %s", made.Key())
		}
		require.Positive(t, computed, "a control: the proof is computed from every container")
		require.Empty(t, r.Get(t, pulumiplugin.ProviderType, platform.Name+"-plugin").Inputs)
	})
}

func TestKeycloakProviderNeedsNoKeycloakInAPreview(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		provider := r.Get(t, providerType, "realm-keycloak")
		// The provider's own settings are serialized as texts.
		require.Equal(t, "false", input(t, provider, "initialLogin").Text())
		require.Equal(t, "60", input(t, provider, "clientTimeout").Text())
	})
}

// A fixed name is exclusive, so the old resource is deleted first.
func TestWhatHasAFixedNameIsDeletedBeforeItIsReplaced(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range slices.Concat(r.OfType(t, containerType), r.OfType(t, networkType)) {
			require.True(t, made.DeleteBeforeReplace, "of %s", made.Key())
		}
	})
}

func TestOptionsOfThePlatformNeverReachItsChildren(t *testing.T) {
	c := settings(t, "dev")
	t.Chdir("testdata")
	r, err := pulumimock.Run(t, func(ctx *pulumi.Context) error {
		var other pulumi.ResourceState
		if err := ctx.RegisterComponentResource("test:index:Other", "other", &other); err != nil {
			return err
		}
		_, err := platform.New(ctx, "platform", &platform.Args{Config: c, Images: platform.ImagesFolder},
			pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("former")}}), pulumi.DependsOn([]pulumi.Resource{&other}),
			pulumi.IgnoreChanges([]string{"everything"}))
		return err
	}, providers()...)
	require.NoError(t, err)
	aliased := 0
	for _, made := range r.Resources {
		if made.Key() == platformKey {
			aliased = len(made.Aliases)
			continue
		}
		require.NotContains(t, made.IgnoreChanges, "everything", "of %s", made.Key())
		for _, alias := range made.Aliases {
			// The children's aliases contain the parent's former name, each with its own name.
			require.NotContains(t, alias, `name:"former"`, "of %s", made.Key())
		}
	}
	require.Equal(t, 1, aliased, "the recorder saw no alias at all: this test tests nothing")
}

func TestSettingsOfTheStackFilesReachTheContainers(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		c := settings(t, stack)
		for component, memory := range memoryOf(c) {
			made := service(t, r, component)
			require.EqualValues(t, memory, input(t, made, "memory").Value, "of %s", component)
			require.Equal(t, c.RestartPolicy, input(t, made, "restart").Value, "of %s", component)
			require.Equal(t, c.Name+"-"+component, input(t, made, "name").Value)
		}
	})
}

func memoryOf(c *config.Config) map[string]int {
	all := map[string]int{
		"postgres": c.Postgres.MemoryMB, "redis": c.Redis.MemoryMB, "keycloak": c.Keycloak.MemoryMB, "mlflow": c.MLflow.MemoryMB,
	}
	if c.Edge.Enabled() {
		all["edge"] = c.Edge.MemoryMB
	}
	return all
}

// needs returns everything that must exist before a resource, over any number of steps.
func needs(r *pulumimock.Recording, key string) []string {
	direct := map[string][]string{}
	for _, made := range r.Resources {
		direct[made.Key()] = made.DependsOn
	}
	var all []string
	for next := direct[key]; len(next) > 0; {
		first := next[0]
		next = next[1:]
		if !slices.Contains(all, first) {
			all = append(all, first)
			next = append(slices.Clone(next), direct[first]...)
		}
	}
	return all
}
