package adminrealm

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"

	"github.com/mlflow-sso/mlflow-sso/components/identity"
)

// Settings are settings of realm master; others stay unchanged.
func Settings(want []identity.RealmSetting) Part {
	return Part{
		compare: func(s *session, ctx context.Context) ([]Difference, error) { return s.settings(ctx, want) },
		apply: func(s *session, ctx context.Context, found []Difference) error {
			return s.setSettings(ctx, want, found)
		},
	}
}

// representation is the realm in the admin API.
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

// settings returns those that differ.
func (s *session) settings(ctx context.Context, want []identity.RealmSetting) ([]Difference, error) {
	var seen representation
	if err := s.get(ctx, "", &seen); err != nil {
		return nil, err
	}
	found, err := seen.differences(want)
	if err != nil {
		return nil, s.failed("read its attributes", err)
	}
	return found, nil
}

// nothing represents an unset value in a difference.
const nothing = "nothing"

// Value returns Keycloak's value of a setting that differs; nil if it is not set.
func (d Difference) Value() (value any, err error) {
	if d.Got == nothing {
		return nil, nil
	}
	return value, json.Unmarshal([]byte(d.Got), &value)
}

func (r representation) differences(want []identity.RealmSetting) ([]Difference, error) {
	attributes, err := r.attributes()
	if err != nil {
		return nil, err
	}
	var found []Difference
	for _, w := range want {
		d := Difference{What: w.Name, Got: nothing, Wanted: nothing}
		if w.Value != nil {
			if d.Wanted, err = text(w.Value); err != nil {
				return nil, err
			}
		}
		if w.Attribute {
			if value, ok := attributes[w.Name]; ok {
				d.Got, err = text(value)
			}
		} else if raw, ok := r[w.Name]; ok {
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

// text returns a value as JSON, without white space.
func text(value any) (string, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, encoded)
	return compact.String(), err
}

// setSettings sends those that differ. Keycloak keeps omitted settings, but replaces all
// attributes.
func (s *session) setSettings(ctx context.Context, want []identity.RealmSetting, found []Difference) error {
	var seen representation
	if err := s.get(ctx, "", &seen); err != nil {
		return err
	}
	change, err := seen.change(want, found)
	if err != nil {
		return s.failed("read its attributes", err)
	}
	return s.put(ctx, "", change)
}

func (r representation) change(want []identity.RealmSetting, found []Difference) (map[string]any, error) {
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
		case !differs[w.Name]:
		case !w.Attribute:
			change[w.Name] = w.Value
		case w.Value == nil:
			delete(attributes, w.Name)
		default:
			attributes[w.Name] = w.Value.(string)
		}
	}
	if !maps.Equal(before, attributes) {
		change["attributes"] = attributes
	}
	return change, nil
}
