//go:build e2e

package e2e

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
)

func TestAPublicStackAndOneOnLocalhostStandSideBySideAndEachIsProved(t *testing.T) {
	nightly(t)
	dev, prod := runningStack(t), prodSite(t).deployed
	ours, theirs := things(t, dev.Deployment), things(t, prod.Deployment)
	require.Len(t, ours["containers"], 5)
	require.Len(t, theirs["containers"], 6)
	for kind, names := range ours {
		for _, name := range names {
			require.NotContains(t, theirs[kind], name, "%s of both stacks", kind)
		}
	}
	docker := openEngine(t)
	for _, ports := range published(t, docker, dev.Deployment) {
		for _, port := range ports {
			for _, others := range published(t, docker, prod.Deployment) {
				require.NotContains(t, others, port)
			}
		}
	}

	// Both at once, so that neither depends on the other's absence.
	reports := map[string]check.Report{}
	var all sync.WaitGroup
	var lock sync.Mutex
	for _, stack := range []outputs.Stack{dev, prod} {
		all.Go(func() {
			got := login.Run(context.WithoutCancel(t.Context()), stack, docker, check.Observer{})
			lock.Lock()
			defer lock.Unlock()
			reports[stack.Deployment] = got
		})
	}
	all.Wait()
	for _, stack := range []outputs.Stack{dev, prod} {
		got := reports[stack.Deployment]
		require.Empty(t, fallen(got, check.StatusFailed), stack.Deployment)
		require.Empty(t, fallen(got, check.StatusNotRun), stack.Deployment)
		require.Len(t, got.Checks, len(login.Suite(stack, nil).Checks))
	}
	require.Len(t, slices.Collect(maps.Keys(reports)), 2)
}

// A user uses both in one browser.
func TestALoginAtOneStackIsNoneAtTheOther(t *testing.T) {
	nightly(t)
	dev, prod := devSite(t), prodSite(t)
	p := newPerson(t, "both", append(dev.ports(t), prod.ports(t)...), prod.hosts, prod.authority)
	p.logsIn(dev, dev.member(t))
	p.sees(welcome)
	p.logsIn(prod, prod.admin(t))
	p.sees(welcome, "Ada Admin")
	p.open(dev.deployed.MLflow.URL)
	p.sees(welcome, "Mel Member")
	p.logsOut(dev)
	p.open(prod.deployed.MLflow.URL)
	p.sees(welcome, "Ada Admin")
	p.logsOut(prod)
}
