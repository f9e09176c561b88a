package drift

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmbaseline"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/realmusers"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

var errAway = errors.New("the service is away")

// fake returns places that record when they are read. Each returns its findings, or its error.
type fake struct {
	read    map[check.ID]int
	errs    map[check.ID]error
	changes []report.Change
	found   map[check.ID][]check.Finding
}

func (f *fake) places() Places {
	f.read = map[check.ID]int{}
	finds := func(id check.ID) func(context.Context) ([]check.Finding, error) {
		return func(context.Context) ([]check.Finding, error) {
			f.read[id]++
			return f.found[id], f.errs[id]
		}
	}
	return Places{
		Volumes: func(context.Context) error {
			f.read[Volumes]++
			return f.errs[Volumes]
		},
		Resources: func(context.Context) ([]report.Change, error) {
			f.read[Resources]++
			return f.changes, f.errs[Resources]
		},
		Members: finds(Members), Host: finds(Host), Realm: finds(Realm), Privileges: finds(Privileges),
	}
}

func (f *fake) run(ctx context.Context) (check.Report, error) {
	return Run(ctx, "x", "--stack x", f.places(), check.Observer{})
}

// reads are the places that were read, in the order of the suite.
func (f *fake) reads() (all []check.ID) {
	for _, id := range Suite("x", "", Places{}).IDs() {
		if f.read[id] > 0 {
			all = append(all, id)
		}
	}
	return all
}

func TestAStackIsFreeOfDriftOnlyWhenEveryPlaceWasReadAndNothingDiffers(t *testing.T) {
	nothing := &fake{}
	got, err := nothing.run(t.Context())
	require.NoError(t, err)
	require.True(t, got.OK())
	require.Empty(t, got.Findings)
	all := Suite("x", "", Places{}).IDs()
	require.Equal(t, all, nothing.reads())

	for _, id := range all {
		f := &fake{errs: map[check.ID]error{id: errAway}}
		got, err := f.run(t.Context())
		require.ErrorIs(t, err, errAway, id)
		require.False(t, got.OK(), id)
	}
}

func TestAPlaceThatCannotBeReadHidesNoFindingOfAnother(t *testing.T) {
	f := &fake{
		errs:    map[check.ID]error{Realm: errAway},
		changes: []report.Change{{Resource: "redis-container", Kind: "docker Container", Outcome: report.Created}},
		found:   map[check.ID][]check.Finding{Privileges: {{ID: "scim-token", Cause: "SCIM token x"}}},
	}
	got, err := f.run(t.Context())
	require.ErrorIs(t, err, errAway)
	require.Len(t, got.Findings, 2)
}

// On other data, a comparison would report everything as missing.
func TestNothingIsComparedOverOtherDataVolumes(t *testing.T) {
	f := &fake{errs: map[check.ID]error{Volumes: errAway}}
	_, err := f.run(t.Context())
	require.ErrorIs(t, err, errAway)
	require.Equal(t, []check.ID{Volumes}, f.reads())
}

func TestAServiceThatAnUpdateWouldRecreateIsNotAsked(t *testing.T) {
	for name, c := range map[string]struct {
		change report.Change
		want   []check.ID
	}{
		"another container":   {report.Change{Resource: "redis-container", Outcome: report.Replaced}, []check.ID{Volumes, Resources, Members, Host, Realm, Privileges}},
		"Keycloak":            {report.Change{Resource: "keycloak-container", Outcome: report.Replaced}, []check.ID{Volumes, Resources, Host}},
		"Postgres":            {report.Change{Resource: "postgres-container", Outcome: report.Changed}, []check.ID{Volumes, Resources, Host}},
		"the edge":            {report.Change{Resource: "edge-container", Outcome: report.Created}, []check.ID{Volumes, Resources, Host}},
		"MLflow":              {report.Change{Resource: "mlflow-container", Outcome: report.Created}, []check.ID{Volumes, Resources, Members, Host, Realm}},
		"a realm that is not": {report.Change{Resource: "realm-realm", Outcome: report.Created}, []check.ID{Volumes, Resources, Host}},
		"a realm that is":     {report.Change{Resource: "realm-realm", Outcome: report.Changed}, []check.ID{Volumes, Resources, Members, Host, Realm, Privileges}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{changes: []report.Change{c.change}}
			got, err := f.run(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.want, f.reads())
			require.Len(t, got.Findings, 1)
			for _, skipped := range got.With(check.StatusNotRun) {
				require.Contains(t, skipped.Reason, c.change.Resource, "it says why")
			}
		})
	}
}

func TestAMemberOfAManagedGroupIsReportedOnce(t *testing.T) {
	eve, mel := "user eve in group admins", "user mel in group admins"
	unlisted := report.Change{Resource: "realm-members-admins", Kind: "mlflow-sso GroupMembers", Outcome: report.Changed, Properties: []report.Property{{Name: "unlisted"}}}
	f := &fake{changes: []report.Change{unlisted}, found: map[check.ID][]check.Finding{
		Members: {{ID: realmusers.MemberUnlisted, Cause: eve, Fix: check.UpCommand}},
		Realm:   {{ID: realmbaseline.AdminUndeclared, Cause: eve}, {ID: realmbaseline.AdminUndeclared, Cause: mel}},
	}}
	got, err := f.run(t.Context())
	require.NoError(t, err)
	require.Len(t, got.Findings, 2)
	require.Equal(t, []string{eve, mel}, []string{got.Findings[0].Cause, got.Findings[1].Cause})
	require.EqualValues(t, realmusers.MemberUnlisted, got.Findings[0].ID)

	unlisted.Properties = append(unlisted.Properties, report.Property{Name: "members"})
	got, err = (&fake{changes: []report.Change{unlisted}}).run(t.Context())
	require.NoError(t, err)
	require.Len(t, got.Findings, 1, "a list that was not deployed is another difference")
}

func TestEveryFindingHasOneCommandForTheStackThatWasCompared(t *testing.T) {
	f := &fake{
		changes: []report.Change{{Resource: "redis-container", Outcome: report.Created}},
		found: map[check.ID][]check.Finding{
			Members: {{ID: realmusers.MemberUnlisted, Fix: check.UpCommand}},
			Host:    {{ID: VolumeUnmanaged, Fix: "docker volume rm x-old"}},
			Realm:   {{ID: realmbaseline.ObjectMissing, Cause: "realm clients account", Next: "make it again in Keycloak's console"}},
		},
	}
	got, err := f.run(t.Context())
	require.NoError(t, err)
	var fixes []string
	for _, finding := range got.Findings {
		fixes = append(fixes, finding.Fix)
		require.Contains(t, finding.Docs, "#drift-"+string(finding.ID))
	}
	require.Equal(t, []string{
		"mlflow-sso up --refresh --stack x", "mlflow-sso up --stack x", "docker volume rm x-old",
		"mlflow-sso console --stack x # and there: make it again in Keycloak's console",
	}, fixes)
}

func TestADifferenceOfAResourceIsEvidenceThatNamesWhatIsLost(t *testing.T) {
	memory := report.Property{Name: "memory", Old: json.RawMessage("128"), New: json.RawMessage("192")}
	f := &fake{changes: []report.Change{
		{Resource: "postgres-data", Kind: "docker Volume", Outcome: report.Removed, DataLoss: "all of it"},
		{Resource: "redis-container", Kind: "docker Container", Outcome: report.Changed, Properties: []report.Property{memory, {Name: "envs.A", New: report.Secret}}},
		{Resource: "realm-client", Kind: "keycloak Client", Outcome: report.Replaced},
		{Resource: "network-data", Kind: "docker Network", Outcome: report.Created},
		{Resource: "ann reads x", Kind: "mlflow-sso Grant", Outcome: report.Created},
	}}
	got, err := f.run(t.Context())
	require.NoError(t, err)
	require.Len(t, got.Findings, len(f.changes))
	for i, want := range []check.Finding{
		{ID: ResourceUndeclared, Component: check.Postgres, Got: "it exists"},
		{ID: ResourceChanged, Component: check.Redis, Got: "memory: 128; envs.A: none"},
		{ID: ResourceReplaced, Component: check.Realm},
		{ID: ResourceMissing, Component: check.Host, Got: "it does not exist"},
		{ID: ResourceMissing, Component: check.MLflow, Got: "it does not exist"},
	} {
		finding := got.Findings[i]
		require.Equal(t, want.ID, finding.ID)
		require.Equal(t, want.Component, finding.Component, finding.Cause)
		require.Equal(t, want.Got, finding.Got)
		require.Equal(t, f.changes[i].String(), finding.Summary, "drift prints a change as ever")
	}
	require.Contains(t, got.Findings[0].Cause, "all of it")
	require.Equal(t, "memory: 192; envs.A: [secret]", got.Findings[1].Wanted)
}

func TestAnInterruptedComparisonIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &fake{}
	got, err := f.run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, got.OK())
	require.Empty(t, f.reads())
}

func TestEveryCheckIsDescribedAndEveryOutcomeIsADocumentedFinding(t *testing.T) {
	suite := Suite("x", "", Places{})
	require.Empty(t, suite.Validate())
	for _, c := range suite.Checks {
		require.NotEmpty(t, c.About, c.ID)
	}
	require.Len(t, suite.Checks, len(about))
	for _, outcome := range []report.Outcome{report.Created, report.Changed, report.Replaced, report.Removed} {
		require.Contains(t, meanings, idOf[outcome])
	}
}
