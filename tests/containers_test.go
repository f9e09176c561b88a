package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/tests/recorder"
)

// forEachContainer runs a test with every container of every stack.
func forEachContainer(t *testing.T, test func(t *testing.T, made recorder.Resource)) {
	t.Helper()
	forEachStack(t, func(t *testing.T, _ string, r *recorder.Recording) {
		for _, made := range r.OfType(t, containerType) {
			t.Run(made.Name, func(t *testing.T) { test(t, made) })
		}
	})
}

func TestEveryContainerHasAHealthCheckThatIsWaitedFor(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
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

func TestNoContainerTakesMoreMemoryThanItsLimit(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
		memory := input(t, made, "memory").Value
		require.GreaterOrEqual(t, memory, 32.0, "in MiB")
		require.Equal(t, memory, input(t, made, "memorySwap").Value, "more than the limit is swap")
	})
}

func TestNoContainerFillsTheDiskWithItsLog(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
		require.Equal(t, "json-file", input(t, made, "logDriver").Value)
		require.Regexp(t, `^[1-9][0-9]*m$`, input(t, made, "logOpts.max-size").Text())
		require.Regexp(t, `^[1-9]$`, input(t, made, "logOpts.max-file").Text())
	})
}

func TestNoContainerHasPrivileges(t *testing.T) {
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
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
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
		grace := input(t, made, "destroyGraceSeconds").Value
		require.GreaterOrEqual(t, grace, 10.0, "in seconds; without it the provider kills at once")
		require.Equal(t, grace, input(t, made, "stopTimeout").Value)
	})
}

func TestOnlyVolumesKeepDataAndNoFolderOfTheHostIsSeen(t *testing.T) {
	want := map[string][]string{"postgres-container": {"/var/lib/postgresql"}, "mlflow-container": {"/mlflow/artifacts"}}
	forEachContainer(t, func(t *testing.T, made recorder.Resource) {
		var targets []string
		for i := 0; made.Has(fmt.Sprintf("mounts[%d]", i)); i++ {
			require.Equal(t, "volume", input(t, made, fmt.Sprintf("mounts[%d].type", i)).Value)
			targets = append(targets, input(t, made, fmt.Sprintf("mounts[%d].target", i)).Text())
		}
		require.Equal(t, want[made.Name], targets)
		require.False(t, made.Has("volumes"))
	})
}

// Nothing listens on an address that another machine reaches.
func TestOnlyMLflowAndKeycloakArePublishedAndOnlyOnThisMachine(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *recorder.Recording) {
		c := settings(t, stack)
		want := map[string]int{"mlflow-container": c.MLflow.Port, "keycloak-container": c.Keycloak.Port}
		for _, made := range r.OfType(t, containerType) {
			require.False(t, made.Has("publishAllPorts"))
			port, published := want[made.Name]
			if !published {
				require.False(t, made.Has("ports"), "%s publishes a port, want none", made.Name)
				continue
			}
			require.False(t, made.Has("ports[1]"), "%s publishes more than one port", made.Name)
			require.Equal(t, "127.0.0.1", input(t, made, "ports[0].ip").Value, "of %s", made.Name)
			require.EqualValues(t, port, input(t, made, "ports[0].external").Value, "of %s", made.Name)
		}
	})
}

func TestDatabasesAreOnTheDataNetworkAlone(t *testing.T) {
	want := map[string][]string{
		"postgres": {"data"}, "redis": {"data"}, "keycloak": {"data", "edge"}, "mlflow": {"data", "edge"},
	}
	forEachStack(t, func(t *testing.T, stack string, r *recorder.Recording) {
		deployment := settings(t, stack).Name
		require.Equal(t, true, input(t, r.Get(t, networkType, "network-data"), "internal").Value, "the data network has a way out")
		require.Equal(t, false, input(t, r.Get(t, networkType, "network-edge"), "internal").Value, "nothing can be published from an internal network")
		require.Len(t, r.OfType(t, networkType), 2)
		require.Len(t, r.OfType(t, containerType), len(want))
		for component, names := range want {
			var full []string
			for _, name := range names {
				full = append(full, deployment+"-"+name)
			}
			require.ElementsMatch(t, full, networksOf(t, service(t, r, component)), "of %s", component)
		}
	})
}

// networksOf are the networks that a container joins.
func networksOf(t *testing.T, made recorder.Resource) []string {
	t.Helper()
	var names []string
	for i := 0; made.Has(fmt.Sprintf("networksAdvanced[%d]", i)); i++ {
		names = append(names, input(t, made, fmt.Sprintf("networksAdvanced[%d].name", i)).Text())
	}
	return names
}

// aliasesOf are the names by which others on a network reach a container.
func aliasesOf(t *testing.T, made recorder.Resource) []string {
	t.Helper()
	var names []string
	for i := 0; made.Has(fmt.Sprintf("networksAdvanced[0].aliases[%d]", i)); i++ {
		names = append(names, input(t, made, fmt.Sprintf("networksAdvanced[0].aliases[%d]", i)).Text())
	}
	return names
}

// What is not labelled is not found again, by the tool or by who cleans up.
func TestEverythingOnTheDockerHostSaysWhoseItIs(t *testing.T) {
	forEachStack(t, func(t *testing.T, stack string, r *recorder.Recording) {
		for _, token := range []string{containerType, networkType, volumeType} {
			for _, made := range r.OfType(t, token) {
				require.Equal(t, "mlflow-sso.component", input(t, made, "labels[0].label").Value)
				require.Contains(t, []any{"postgres", "redis", "keycloak", "mlflow", "network"}, input(t, made, "labels[0].value").Value)
				require.Equal(t, "mlflow-sso.deployment", input(t, made, "labels[1].label").Value)
				require.Equal(t, settings(t, stack).Name, input(t, made, "labels[1].value").Value)
			}
		}
	})
}
