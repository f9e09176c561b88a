package outputs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Renamed is an output whose name changed.
type Renamed struct{ Old, New string }

// RenamedOutputs lists every renamed output by its path. A stack of the previous release has the
// old ones until its next `mlflow-sso up`.
func RenamedOutputs() []Renamed {
	return []Renamed{
		{"turned", "credentialVersions"},
		{"upstreams", "identityProviders"},
		{"steward", "accessAdmin"},
		{"keeper", "identitySync"},
		{"identitySync.followSeconds", "identitySync.intervalSeconds"},
		{"identitySync.pruneSeconds", "identitySync.pruneIntervalSeconds"},
	}
}

// UnmarshalJSON reads the outputs under their current names and under the old ones.
func (s *Stack) UnmarshalJSON(raw []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for _, row := range RenamedOutputs() {
		if err := rename(members, row.Old, row.New); err != nil {
			return err
		}
	}
	current, err := json.Marshal(members)
	if err != nil {
		return err
	}
	type plain Stack // without this method
	return json.Unmarshal(current, (*plain)(s))
}

// rename moves a member from its old path to the new one, unless that has a value.
func rename(members map[string]json.RawMessage, was, is string) error {
	parent, oldName, nested := strings.Cut(was, ".")
	if !nested {
		if value, ok := members[was]; ok && members[is] == nil {
			members[is] = value
		}
		delete(members, was)
		return nil
	}
	var inner map[string]json.RawMessage
	if members[parent] == nil {
		return nil
	}
	if err := json.Unmarshal(members[parent], &inner); err != nil {
		return fmt.Errorf("output %s: %w", parent, err)
	}
	_, newName, _ := strings.Cut(is, ".")
	if err := rename(inner, oldName, newName); err != nil {
		return err
	}
	text, err := json.Marshal(inner)
	members[parent] = text
	return err
}
