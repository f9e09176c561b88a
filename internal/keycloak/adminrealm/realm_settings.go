package adminrealm

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
)

// How long an administrator's session lasts: until nobody used it for a quarter of
// an hour, which is a break, and at most a working day. Whoever sits down at the
// computer meanwhile can become anybody.
const (
	sessionIdle = 15 * time.Minute
	// SessionMax is the longest session of an administrator.
	SessionMax = 8 * time.Hour
)

// setting is a part of the realm's representation in the admin API.
type setting struct {
	name string
	// attribute is for those that the representation has one level below.
	attribute bool
	// want is nil for an attribute that is not to be there.
	want any
}

// wanted are the settings that the realm shall have; others are left alone.
func wanted(stack outputs.Stack) []setting {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	all := []setting{
		{name: "sslRequired", want: "external"},
		{name: "registrationAllowed", want: false},
		{name: "resetPasswordAllowed", want: false},
		{name: "editUsernameAllowed", want: false},
		{name: "rememberMe", want: false},

		// As in the stack's own realm. Nobody is locked out for good: whoever reaches the
		// login form could do that to the administrator.
		{name: "bruteForceProtected", want: true},
		{name: "permanentLockout", want: false},
		{name: "failureFactor", want: 10},
		{name: "waitIncrementSeconds", want: 60},
		{name: "maxFailureWaitSeconds", want: 900},
		{name: "maxDeltaTimeSeconds", want: 43200},
		{name: "quickLoginCheckMilliSeconds", want: 0},
		{name: "minimumQuickLoginWaitSeconds", want: 1},

		{name: "ssoSessionIdleTimeout", want: seconds(sessionIdle)},
		{name: "ssoSessionMaxLifespan", want: seconds(SessionMax)},
		// A session that is kept for later is no way around.
		{name: "offlineSessionIdleTimeout", want: seconds(sessionIdle)},
		{name: "offlineSessionMaxLifespanEnabled", want: true},
		{name: "offlineSessionMaxLifespan", want: seconds(SessionMax)},

		{name: "eventsEnabled", want: true},
		{name: "eventsExpiration", want: stack.Realm.EventsExpiration},
		{name: "eventsListeners", want: []string{"jboss-logging"}},
		{name: "enabledEventTypes", want: []string{}}, // all of them
		{name: "adminEventsEnabled", want: true},
		{name: "adminEventsDetailsEnabled", want: true},
		{name: "adminEventsExpiration", attribute: true, want: strconv.Itoa(stack.Realm.EventsExpiration)},
	}
	// The console logs in at the realm's own address. Behind an edge that is this host's
	// loopback, since the edge shows the realm to nobody.
	frontend := setting{name: "frontendUrl", attribute: true}
	if stack.Edge.Exists() {
		frontend.want = stack.Keycloak.AdminURL
	}
	return append(all, frontend)
}

// representation is the realm as the admin API shows it.
type representation map[string]json.RawMessage

func (r representation) attributes() (map[string]string, error) {
	all := map[string]string{}
	if raw, ok := r["attributes"]; ok {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// settings are those that differ.
func (s *session) settings(ctx context.Context) ([]Difference, error) {
	var seen representation
	if err := s.get(ctx, "", &seen); err != nil {
		return nil, err
	}
	found, err := seen.differences(wanted(s.stack))
	if err != nil {
		return nil, s.failed("read its attributes", err)
	}
	return found, nil
}

const nothing = "nothing"

func (r representation) differences(want []setting) ([]Difference, error) {
	attributes, err := r.attributes()
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, w := range want {
		d := Difference{What: w.name, Got: nothing, Wanted: nothing}
		if w.want != nil {
			if d.Wanted, err = text(w.want); err != nil {
				return nil, err
			}
		}
		if w.attribute {
			if value, ok := attributes[w.name]; ok {
				d.Got, err = text(value)
			}
		} else if raw, ok := r[w.name]; ok {
			d.Got, err = text(raw)
		}
		if err != nil {
			return nil, err
		}
		if d.Got != d.Wanted {
			found = append(found, d)
		}
	}
	return found, nil
}

// text is a value as JSON, without white space.
func text(value any) (string, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, encoded)
	return compact.String(), err
}

// reconcileSettings sends those that differ. Keycloak leaves alone what is not sent,
// but takes the attributes as a whole.
func (s *session) reconcileSettings(ctx context.Context, found []Difference) error {
	var seen representation
	if err := s.get(ctx, "", &seen); err != nil {
		return err
	}
	change, err := seen.change(wanted(s.stack), found)
	if err != nil {
		return s.failed("read its attributes", err)
	}
	return s.put(ctx, "", change)
}

func (r representation) change(want []setting, found []Difference) (map[string]any, error) {
	before, err := r.attributes()
	if err != nil {
		return nil, err
	}
	differs := map[string]bool{}
	for _, d := range found {
		differs[d.What] = true
	}
	change, attributes := map[string]any{"realm": name}, maps.Clone(before)
	for _, w := range want {
		switch {
		case !differs[w.name]:
		case !w.attribute:
			change[w.name] = w.want
		case w.want == nil:
			delete(attributes, w.name)
		default:
			attributes[w.name] = w.want.(string)
		}
	}
	if !maps.Equal(before, attributes) {
		change["attributes"] = attributes
	}
	return change, nil
}
