package tests

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/check/drift"
	"github.com/mlflow-sso/mlflow-sso/internal/check/health"
	"github.com/mlflow-sso/mlflow-sso/internal/check/login"
	"github.com/mlflow-sso/mlflow-sso/internal/check/security"
)

// everyPart is a stack with every part that has checks of its own.
var everyPart = outputs.Stack{
	Edge: outputs.Edge{Container: "edge"}, Backup: outputs.Backup{Container: "backup"},
	Postgres: outputs.Service{Container: "postgres", External: "external"}, Redis: outputs.Service{Container: "redis", External: "external"},
	Artifacts: outputs.Artifacts{URI: "s3://bucket"}, ServiceAccounts: []outputs.ServiceAccount{{}}, IdentityProviders: []outputs.IdentityProvider{{}},
}

// A check in a report links to its heading, so every ID has one.
func TestEveryCheckAndFindingHasAHeading(t *testing.T) {
	var page strings.Builder
	page.WriteString("# Checks\n\nWhat each check proves, and what each finding means. Every check and finding in a JSON report has the key\n" +
		"`docs` with its heading here. The page is written by `make golden`.\n")
	doctor, compared := health.Suite(health.Target{Stack: everyPart}, nil), drift.Suite("", "", drift.Places{})
	for _, suite := range []check.Suite{login.Suite(everyPart, nil), doctor, compared, security.Suite(everyPart)} {
		fmt.Fprintf(&page, "\n## Checks of %s\n", suite.Name)
		for _, c := range suite.Checks {
			fmt.Fprintf(&page, "\n### %s\n\n%s\n", suite.Heading(c.ID), sentence(c.About))
		}
	}
	for _, found := range []struct {
		by       check.Suite
		meanings map[check.ID]string
	}{{doctor, health.Meanings()}, {compared, drift.Meanings()}} {
		fmt.Fprintf(&page, "\n## Findings of %s\n", found.by.Name)
		for _, id := range slices.Sorted(maps.Keys(found.meanings)) {
			fmt.Fprintf(&page, "\n### %s\n\n%s\n", found.by.Heading(id), found.meanings[id])
		}
	}
	name := inRepository(check.Docs)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(page.String()), 0o644))
		t.Errorf("wrote %s: read it, then run without -update", name)
		return
	}
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, page.String(), string(text), "run `make golden`")

	headings := anchors(string(text))
	for _, link := range []string{doctor.Link("containers"), doctor.Link(health.RoleLocked), compared.Link(drift.Realm), login.Suite(everyPart, nil).Link(login.PKCE)} {
		_, anchor, _ := strings.Cut(link, "#")
		require.Contains(t, headings, anchor)
	}
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string {
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}
