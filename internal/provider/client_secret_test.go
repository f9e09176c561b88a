package provider

import (
	"context"
	"net/http"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
	"github.com/mlflow-sso/mlflow-sso/internal/keycloak/clientsecret"
)

// secretInputs are the program's inputs, for a current secret and all previous ones.
func secretInputs(edition, current string, previous ...string) resource.PropertyMap {
	return resource.PropertyMap{
		"clientId": resource.NewProperty(fakeClient), "secret": resource.MakeSecret(resource.NewProperty(current)),
		"previous": resource.MakeSecret(property(previous)), "edition": resource.NewProperty(edition),
	}
}

// rotator is a server whose provider has no login.
func rotator(t *testing.T, url string) (s *server, said, warnings *[]string) {
	t.Helper()
	said, warnings = &[]string{}, &[]string{}
	s = newServer(newLoginProofs(false))
	collect := func(into *[]string) report {
		return func(_ context.Context, _ resource.URN, text string) { *into = append(*into, text) }
	}
	s.say, s.warn = collect(said), collect(warnings)
	_, err := s.Configure(t.Context(), plugin.ConfigureRequest{Inputs: resource.PropertyMap{"url": resource.NewProperty(url)}})
	require.NoError(t, err)
	return s, said, warnings
}

func (f *fakeKeycloak) secret() any { return f.clients["master"][0]["secret"] }

func setSecret(t *testing.T, s *server, before, now resource.PropertyMap) error {
	t.Helper()
	if before == nil {
		_, err := s.Create(t.Context(), plugin.CreateRequest{Type: identity.ClientSecretType, Properties: now})
		return err
	}
	updated, err := s.Update(t.Context(), plugin.UpdateRequest{Type: identity.ClientSecretType, OldInputs: before, OldOutputs: before, NewInputs: now})
	if err == nil {
		require.Equal(t, now, updated.Properties)
	}
	return err
}

// Each line is a situation of an update: the state's secret, the program's, and the one that
// Keycloak accepts.
func TestAnUpdateMakesTheCurrentSecretTheOnlyOne(t *testing.T) {
	first, second, third := secretInputs("1.1", "first"), secretInputs("1.2", "second", "first"), secretInputs("2.1", "third", "second", "first")
	for name, test := range map[string]struct {
		state, want resource.PropertyMap
		accepted    string
		changes     int
	}{
		"an existing stack":                          {nil, first, "first", 0},
		"an existing stack that was to rotate":       {nil, second, "first", 1},
		"rotated":                                    {first, second, "first", 1},
		"killed between Keycloak and the state":      {first, second, "second", 0},
		"killed twice, with a rotation in between":   {first, third, "second", 1},
		"another root secret":                        {second, third, "second", 1},
		"a restored older database":                  {third, third, "first", 1},
		"a restored older database, and a new stack": {nil, third, "second", 1},
		"a generation that decreases":                {secretInputs("1.4", "fourth", "third"), secretInputs("1.1", "first"), "fourth", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeKeycloak(t)
			f.clients["master"][0]["secret"] = test.accepted
			s, said, _ := rotator(t, f.URL)
			require.NoError(t, setSecret(t, s, test.state, test.want))
			require.Equal(t, text(test.want, "secret"), f.secret())
			require.Equal(t, test.changes, f.changes)
			require.Len(t, *said, test.changes, "a change is reported, and nothing else")
			require.Equal(t, map[string]any{}, f.clients["master"][0]["attributes"], "the rest of the client stays")
		})
	}
}

func TestAnUnknownSecretIsReportedWithTheNextStepAndNothingChanges(t *testing.T) {
	for name, unknown := range map[string]func(f *fakeKeycloak){
		"changed in Keycloak": func(f *fakeKeycloak) { f.clients["master"][0]["secret"] = "set by an administrator" },
		"client deleted":      func(f *fakeKeycloak) { f.clients["master"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeKeycloak(t)
			unknown(f)
			s, _, _ := rotator(t, f.URL)
			err := setSecret(t, s, secretInputs("1.1", "the first one"), secretInputs("1.3", "the third one", "the second one", "the first one"))
			require.ErrorIs(t, err, clientsecret.ErrUnknown)
			require.ErrorContains(t, err, "got 3 refusals (401)")
			require.ErrorContains(t, err, "docs/how-to/rotate-credentials.md")
			for _, secret := range []string{"the first one", "the second one", "the third one"} {
				require.NotContains(t, err.Error(), secret)
			}
			require.Equal(t, 3, f.logins, "a secret that is named twice is tried once")
			require.Zero(t, f.changes)
		})
	}
}

// A Keycloak that does not respond, or refuses for another reason, reveals nothing about the
// secret.
func TestOnlyARefusedLoginCountsAsAnotherSecret(t *testing.T) {
	inputs := secretInputs("1.2", "second", fakeSecret)
	f := newFakeKeycloak(t)
	f.broken = http.StatusServiceUnavailable
	for name, url := range map[string]string{"broken": f.URL, "not running": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			s, _, warnings := rotator(t, url)
			err := setSecret(t, s, nil, inputs)
			require.ErrorContains(t, err, "log in")
			require.NotErrorIs(t, err, clientsecret.ErrUnknown)
			require.Equal(t, inputs, read(t, s, identity.ClientSecretType, inputs))
			require.Len(t, *warnings, 1)
		})
	}
	require.Equal(t, fakeSecret, f.secret())
}

func TestASecretThatKeycloakDoesNotTakeFailsTheUpdate(t *testing.T) {
	f := newFakeKeycloak(t)
	f.deaf = true
	s, _, _ := rotator(t, f.URL)
	require.ErrorContains(t, setSecret(t, s, nil, secretInputs("1.2", "second", fakeSecret)), "that was just set: got 401")
}

func TestARefreshReportsWhetherTheSecretIsAcceptedAndTheNextUpdateSetsIt(t *testing.T) {
	f := newFakeKeycloak(t)
	s, _, warnings := rotator(t, f.URL)
	inputs := secretInputs("1.2", "second", fakeSecret)
	require.NoError(t, setSecret(t, s, nil, inputs))
	require.Empty(t, differing(t, s, identity.ClientSecretType, read(t, s, identity.ClientSecretType, inputs), inputs))

	f.clients["master"][0]["secret"] = fakeSecret // an older database
	now := read(t, s, identity.ClientSecretType, inputs)
	require.Equal(t, []resource.PropertyKey{"edition"}, differing(t, s, identity.ClientSecretType, now, inputs))
	require.Equal(t, refusedEdition, text(now, "edition"))
	require.NoError(t, setSecret(t, s, now, inputs))
	require.Equal(t, "second", f.secret())
	require.Empty(t, *warnings)
}

func TestAPreviewOfARotationCallsNothingAndReplacesNothing(t *testing.T) {
	s, said, warnings := rotator(t, "http://127.0.0.1:1")
	before := secretInputs("1.1", "first")
	unknown := secretInputs("2.1", "", "first")
	unknown["secret"], unknown["previous"] = resource.MakeComputed(resource.NewProperty("")), resource.MakeComputed(resource.NewProperty(""))
	for name, test := range map[string]struct {
		now  resource.PropertyMap
		want []resource.PropertyKey
	}{
		"another generation":  {secretInputs("1.2", "second", "first"), []resource.PropertyKey{"edition", "previous", "secret"}},
		"another root secret": {unknown, []resource.PropertyKey{"edition", "previous", "secret"}},
		"nothing":             {before, nil},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := s.Check(t.Context(), plugin.CheckRequest{Type: identity.ClientSecretType, Olds: before, News: test.now})
			require.NoError(t, err)
			require.Empty(t, checked.Failures)
			require.Equal(t, test.want, differing(t, s, identity.ClientSecretType, before, checked.Properties))
			planned, err := s.Update(t.Context(), plugin.UpdateRequest{Type: identity.ClientSecretType, OldInputs: before, NewInputs: checked.Properties, Preview: true})
			require.NoError(t, err)
			require.Equal(t, test.now, planned.Properties)
		})
	}
	require.Empty(t, append(*said, *warnings...))
}
