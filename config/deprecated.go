package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Renamed is a setting whose name changed. The old name works for one release.
type Renamed struct{ Old, New string }

// RenamedSettings lists every renamed setting by its path from the stack file's top
// level. A renamed member of a renamed object works under both names of the object.
func RenamedSettings() []Renamed {
	return []Renamed{
		{"keeper", "identitySync"},
		{"people", "users"},
		{"keeper.follow", "identitySync.interval"},
		{"keeper.prune", "identitySync.pruneInterval"},
		{"backup.every", "backup.interval"},
		{"backup.provedWithin", "backup.verifyWithin"},
		{"keycloak.standingAdmin", "keycloak.permanentAdmin"},
		{"realm.exclusive", "realm.managedGroups"},
	}
}

// renamed returns the rows whose new name is a direct member of the object at path, a full key
// such as "mlflow-sso:backup"; the top level is "mlflow-sso".
func renamed(path string) (rows []Renamed) {
	parent := strings.TrimPrefix(strings.TrimPrefix(path, Namespace), ":")
	for _, row := range RenamedSettings() {
		in, _ := split(row.New)
		if in == parent {
			rows = append(rows, row)
		}
	}
	return rows
}

// split splits a path into the object and the member's own name.
func split(path string) (parent, name string) {
	if dot := strings.LastIndex(path, "."); dot >= 0 {
		return path[:dot], path[dot+1:]
	}
	return "", path
}

// rename moves members from their old names to the new ones, with one warning each. A member
// under both names is an error: it is unclear which value applies.
func (d *decoder) rename(path string, members map[string]json.RawMessage) {
	for _, row := range renamed(path) {
		_, was := split(row.Old)
		_, is := split(row.New)
		old, ok := members[was]
		if !ok {
			continue
		}
		delete(members, was)
		// Pulumi fills a setting that is not in the stack file with the project's empty default.
		if set, both := members[is]; both && !empty(set) {
			d.fail(Namespace+":"+row.Old, "got %s too, which is its new name, want only %s", row.New, row.New)
			continue
		}
		members[is] = old
		if warning := row.warning(); !slices.Contains(d.warnings, warning) {
			d.warnings = append(d.warnings, warning)
		}
	}
}

func (r Renamed) warning() string {
	return fmt.Sprintf("setting %[1]s:%[2]s is now called %[1]s:%[3]s: rename it in the stack file, the old name stops working with the next release", Namespace, r.Old, r.New)
}

func empty(raw json.RawMessage) bool {
	return slices.Contains([]string{"{}", "[]", ""}, string(raw))
}
