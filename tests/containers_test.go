package tests

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/internal/pulumimock"
)

// forEachContainer runs a test with every container of every stack.
func forEachContainer(t *testing.T, test func(t *testing.T, made pulumimock.Resource)) {
	t.Helper()
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		for _, made := range r.OfType(t, containerType) {
			t.Run(made.Name, func(t *testing.T) { test(t, made) })
		}
	})
}

func TestEveryContainerHasAHealthCheckThatIsWaitedFor(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		require.Contains(t, []any{"CMD", "CMD-SHELL"}, input(t, made, "healthcheck.tests[0]").Value)
		require.NotEmpty(t, input(t, made, "healthcheck.tests[1]").Value)
		require.Equal(t, true, input(t, made, "wait").Value)
		require.GreaterOrEqual(t, input(t, made, "waitTimeout").Value, 60.0)
		require.GreaterOrEqual(t, input(t, made, "healthcheck.retries").Value, 2.0)
		for _, name := range []string{"interval", "timeout", "startPeriod"} {
			text := input(t, made, "healthcheck."+name).Text()
			d, err := time.ParseDuration(text)
			require.NoError(t, err)
			require.Positive(t, d)
			require.Equal(t, d.String(), text, "the provider compares texts: another spelling of %s is a difference at every run", name)
		}
		require.Contains(t, made.ReplaceOnChanges, "healthcheck", "the provider cannot change it in place")
		require.Contains(t, made.ReplaceOnChanges, "#initerror", "a container that never got healthy would stay")
	})
}

func TestNoContainerUsesMoreMemoryThanItsLimit(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		memory := input(t, made, "memory").Value
		require.GreaterOrEqual(t, memory, 32.0, "in MiB")
		require.Equal(t, memory, input(t, made, "memorySwap").Value, "more than the limit is swap")
	})
}

func TestNoContainerMakesProcessesWithoutEnd(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		require.Equal(t, "nproc", input(t, made, "ulimits[0].name").Value)
		require.Equal(t, input(t, made, "ulimits[0].soft").Value, input(t, made, "ulimits[0].hard").Value)
		require.LessOrEqual(t, input(t, made, "ulimits[0].hard").Value, 8192.0)
		require.Greater(t, input(t, made, "ulimits[0].hard").Value, 0.0, "below zero is no limit")
	})
}

func TestNoContainerFillsTheDiskWithItsLog(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		require.Equal(t, "json-file", input(t, made, "logDriver").Value)
		require.Regexp(t, `^[1-9][0-9]*m$`, input(t, made, "logOpts.max-size").Text())
		require.Regexp(t, `^[1-9]$`, input(t, made, "logOpts.max-file").Text())
	})
}

func TestNoContainerHasPrivileges(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		require.Equal(t, "ALL", input(t, made, "capabilities.drops[0]").Value)
		require.False(t, made.Has("capabilities.adds"))
		require.Equal(t, "no-new-privileges:true", input(t, made, "securityOpts[0]").Value)
		require.False(t, made.Has("securityOpts[1]"), "a second option may take the first one back")
		require.Equal(t, true, input(t, made, "readOnly").Value)
		for _, path := range []string{"privileged", "devices", "networkMode", "pidMode", "ipcMode", "usernsMode", "hosts", "user"} {
			require.False(t, made.Has(path), "got %s, want none", path)
		}
		for _, leaf := range made.Leaves() {
			require.NotContains(t, leaf.Text(), "docker.sock")
		}
	})
}

func TestEveryContainerIsGivenTimeToStop(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		grace := input(t, made, "destroyGraceSeconds").Value
		require.GreaterOrEqual(t, grace, 10.0, "in seconds; without it the provider kills at once")
		require.Equal(t, grace, input(t, made, "stopTimeout").Value)
	})
}

func TestOnlyVolumesKeepDataAndNoFolderOfTheHostIsSeen(t *testing.T) {
	want := map[string][]string{"postgres-container": {"/var/lib/postgresql"}, "mlflow-container": {"/mlflow/artifacts"}, "edge-container": {"/var/lib/edge"}}
	forEachContainer(t, func(t *testing.T, made pulumimock.Resource) {
		var targets []string
		for i := 0; made.Has(fmt.Sprintf("mounts[%d]", i)); i++ {
			require.Equal(t, "volume", input(t, made, fmt.Sprintf("mounts[%d].type", i)).Value)
			targets = append(targets, input(t, made, fmt.Sprintf("mounts[%d].target", i)).Text())
		}
		require.Equal(t, want[made.Name], targets)
		require.False(t, made.Has("volumes"))
	})
}

// Another machine reaches the edge, if there is one, and nothing else.
func TestOnlyTheEdgeIsReachedByOtherMachines(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		c := settings(t, stack)
		want := map[string][]string{
			"mlflow-container":   {fmt.Sprintf("127.0.0.1:%d", c.MLflow.Port)},
			"keycloak-container": {fmt.Sprintf("127.0.0.1:%d", c.Keycloak.Port)},
		}
		if c.Edge.Enabled() {
			want = map[string][]string{"edge-container": {
				fmt.Sprintf("%s:%d", c.Edge.Address, c.Edge.HTTPPort),
				fmt.Sprintf("127.0.0.1:%d", c.Keycloak.Port),
				fmt.Sprintf("%s:%d", c.Edge.Address, c.Edge.HTTPSPort),
			}}
		}
		for _, made := range r.OfType(t, containerType) {
			require.False(t, made.Has("publishAllPorts"))
			var published []string
			for i := 0; made.Has(fmt.Sprintf("ports[%d]", i)); i++ {
				at := fmt.Sprintf("ports[%d].", i)
				published = append(published, input(t, made, at+"ip").Text()+":"+input(t, made, at+"external").Text())
			}
			require.Equal(t, want[made.Name], published, "of %s", made.Name)
		}
	})
}

// Empty, not unset: without it MLflow fetches lists of models from a public host.
func TestMLflowIsConfiguredToMakeNoOutgoingCalls(t *testing.T) {
	forEachStack(t, func(t *testing.T, _ string, r *pulumimock.Recording) {
		env := environment(t, service(t, r, "mlflow"))
		for name, want := range map[string]string{
			"MLFLOW_ENABLE_AI_GATEWAY": "false", "OIDC_GEN_AI_GATEWAY_ENABLED": "false", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
			"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_MODEL_CATALOG_URI": "",
		} {
			got, set := env[name]
			require.True(t, set, name)
			require.Equal(t, want, got.Text(), name)
		}
		require.NotContains(t, env, "MLFLOW_DEPLOYMENTS_TARGET")
	})
}

// A service that trusts the edge's headers trusts no other proxy.
func TestServicesTrustOnlyTheEdgesAddress(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		trusted := func(component, name string) string {
			return environment(t, service(t, r, component))[name].Text()
		}
		if !settings(t, stack).Edge.Enabled() {
			require.NotContains(t, environment(t, service(t, r, "mlflow")), "TRUSTED_PROXIES", "there is no proxy")
			require.NotContains(t, environment(t, service(t, r, "keycloak")), "KC_PROXY_HEADERS", "there is no proxy")
			return
		}
		address := input(t, service(t, r, "edge"), "networksAdvanced[0].ipv4Address").Text()
		require.Equal(t, address+"/32", trusted("mlflow", "TRUSTED_PROXIES"))
		require.Equal(t, address, trusted("keycloak", "KC_PROXY_TRUSTED_ADDRESSES"))
		require.Equal(t, "xforwarded", trusted("keycloak", "KC_PROXY_HEADERS"))
		subnet := netip.MustParsePrefix(input(t, r.Get(t, networkType, "network-edge"), "ipamConfigs[0].subnet").Text())
		require.True(t, subnet.Contains(netip.MustParseAddr(address)))
	})
}

func TestDatabasesAreOnTheDataNetworkOnly(t *testing.T) {
	want := map[string][]string{
		"postgres": {"data"}, "redis": {"data"}, "keycloak": {"data", "edge"}, "mlflow": {"data", "edge"}, "keeper": {"data", "edge"},
	}
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		want := maps.Clone(want)
		if settings(t, stack).Edge.Enabled() {
			want["edge"] = []string{"edge"}
		}
		deployment := settings(t, stack).Name
		require.Equal(t, true, input(t, r.Get(t, networkType, "network-data"), "internal").Value, "the data network has a way out")
		require.Equal(t, false, input(t, r.Get(t, networkType, "network-edge"), "internal").Value, "nothing can be published from an internal network")
		require.Len(t, r.OfType(t, networkType), 2)
		require.Equal(t, len(want), len(r.OfType(t, containerType)))
		for component, names := range want {
			var full []string
			for _, name := range names {
				full = append(full, deployment+"-"+name)
			}
			require.ElementsMatch(t, full, networksOf(t, service(t, r, component)), "of %s", component)
		}
	})
}

// networksOf returns a container's networks.
func networksOf(t *testing.T, made pulumimock.Resource) []string {
	t.Helper()
	var names []string
	for i := 0; made.Has(fmt.Sprintf("networksAdvanced[%d]", i)); i++ {
		names = append(names, input(t, made, fmt.Sprintf("networksAdvanced[%d].name", i)).Text())
	}
	return names
}

// aliasesOf returns the names of a container on a network.
func aliasesOf(t *testing.T, made pulumimock.Resource) []string {
	t.Helper()
	var names []string
	for i := 0; made.Has(fmt.Sprintf("networksAdvanced[0].aliases[%d]", i)); i++ {
		names = append(names, input(t, made, fmt.Sprintf("networksAdvanced[0].aliases[%d]", i)).Text())
	}
	return names
}

// The tool and a cleanup find objects only by their labels.
func TestEverythingOnTheDockerHostHasTheDeploymentsLabels(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *pulumimock.Recording) {
		for _, token := range []string{containerType, networkType, volumeType} {
			for _, made := range r.OfType(t, token) {
				require.Equal(t, "mlflow-sso.component", input(t, made, "labels[0].label").Value)
				require.Contains(t, []any{"postgres", "redis", "keycloak", "mlflow", "keeper", "edge", "network"}, input(t, made, "labels[0].value").Value)
				require.Equal(t, "mlflow-sso.deployment", input(t, made, "labels[1].label").Value)
				require.Equal(t, settings(t, stack).Name, input(t, made, "labels[1].value").Value)
			}
		}
	})
}
