package adminrealm

import (
	"context"
	"encoding/json"
	"slices"
)

// untilAttribute is the expiry of a temporary administrator. Keycloak drops attributes that the
// realm's user profile does not declare.
const untilAttribute = "mlflow-sso-console-until"

const profilePath = "/users/profile"

// userProfile contains the declared attributes of the realm's users; other parts are preserved.
type userProfile map[string]json.RawMessage

func (p userProfile) attributes() ([]json.RawMessage, error) {
	var all []json.RawMessage
	return all, json.Unmarshal(p["attributes"], &all)
}

// hasUntil reports whether users can have the attribute, and only administrators can change it.
func (p userProfile) hasUntil() (bool, error) {
	attributes, err := p.attributes()
	if err != nil {
		return false, err
	}
	for _, raw := range attributes {
		var attribute struct {
			Name        string `json:"name"`
			Permissions struct {
				Edit []string `json:"edit"`
			} `json:"permissions"`
		}
		if err := json.Unmarshal(raw, &attribute); err != nil {
			return false, err
		}
		if attribute.Name == untilAttribute {
			return slices.Equal(attribute.Permissions.Edit, []string{"admin"}), nil
		}
	}
	return false, nil
}

// withUntil returns a profile with the attribute, replacing any with the same name.
func (p userProfile) withUntil() error {
	attributes, err := p.attributes()
	if err != nil {
		return err
	}
	attributes = slices.DeleteFunc(attributes, func(raw json.RawMessage) bool {
		var attribute struct {
			Name string `json:"name"`
		}
		return json.Unmarshal(raw, &attribute) == nil && attribute.Name == untilAttribute
	})
	ours, err := json.Marshal(map[string]any{
		"name": untilAttribute, "displayName": "May use the admin console until", "multivalued": false,
		"permissions": map[string][]string{"view": {"admin"}, "edit": {"admin"}},
	})
	if err != nil {
		return err
	}
	p["attributes"], err = json.Marshal(append(attributes, ours))
	return err
}

// Profile is the user profile of realm master, which declares the expiry of temporary
// administrators.
func Profile() Part {
	return Part{(*session).profile, (*session).setProfile}
}

// profile compares whether users can have the attribute.
func (s *session) profile(ctx context.Context) ([]Difference, error) {
	seen := userProfile{}
	if err := s.get(ctx, profilePath, &seen); err != nil {
		return nil, err
	}
	has, err := seen.hasUntil()
	if err != nil {
		return nil, s.failed("read the user profile", err)
	}
	if has {
		return nil, nil
	}
	return []Difference{{"user profile", "no " + untilAttribute + " for administrators alone", "one"}}, nil
}

func (s *session) setProfile(ctx context.Context, _ []Difference) error {
	seen := userProfile{}
	if err := s.get(ctx, profilePath, &seen); err != nil {
		return err
	}
	if err := seen.withUntil(); err != nil {
		return s.failed("change the user profile", err)
	}
	return s.put(ctx, profilePath, seen)
}
