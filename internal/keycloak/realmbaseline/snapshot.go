package realmbaseline

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// document is a realm as one value for each path, such as `clients / mlflow / fullScopeAllowed`.
// Equal realms have the same document: it omits what Keycloak generates.
type document map[string]json.RawMessage

// pathSeparator separates the steps of a path.
const pathSeparator = " / "

// chosen are members that Keycloak generates for each realm, or that are not settings. notBefore
// is when sessions were last revoked, in the realm and in each client: reverting it would make
// stolen tokens valid again.
func chosen() []string {
	return []string{"id", "containerId", "parentId", "createdTimestamp", "keycloakVersion", "notBefore"}
}

// flatten adds an export. Texts that differ between stacks, such as public addresses, are
// replaced first.
func flatten(export map[string]any, known *strings.Replacer) (document, error) {
	d := document{}
	if err := d.take(nil, export, known); err != nil {
		return nil, err
	}
	// When a user first saves the realm in the console, Keycloak stores some settings a second
	// time, as attributes.
	for path := range d {
		if twice, ok := strings.CutPrefix(path, "attributes"+pathSeparator); ok && d[twice] != nil {
			delete(d, path)
		}
	}
	return d, nil
}

func (d document) take(path []string, value any, known *strings.Replacer) error {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if slices.Contains(chosen(), key) {
				continue
			}
			if err := d.take(append(slices.Clip(path), key), value[key], known); err != nil {
				return err
			}
		}
		return nil
	case []any:
		return d.list(path, value, known)
	case string:
		return d.put(path, known.Replace(value))
	default:
		return d.put(path, value)
	}
}

// list adds a list. A list of texts has no meaningful order: Keycloak returns it in the
// database's order. Members of other lists are identified by name or, like the steps of a login,
// by position. An empty list counts as missing.
func (d document) list(path []string, values []any, known *strings.Replacer) error {
	if len(values) == 0 {
		return nil
	}
	if path[len(path)-1] == profileConfig {
		var inner map[string]any
		if text, ok := values[0].(string); ok && len(values) == 1 && json.Unmarshal([]byte(text), &inner) == nil {
			return d.take(path, inner, known)
		}
	}
	texts := make([]string, 0, len(values))
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, known.Replace(text))
		}
	}
	if len(texts) == len(values) {
		slices.Sort(texts)
		return d.put(path, texts)
	}
	seen := map[string]int{}
	for i, value := range values {
		step := nameOf(value)
		if step == "" {
			step = strconv.Itoa(i + 1)
		}
		if seen[step]++; seen[step] > 1 {
			step += fmt.Sprintf(" (%d)", seen[step])
		}
		if err := d.take(append(slices.Clip(path), step), value, known); err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name of a list's member; empty if it has none. Policies for client
// registration have duplicate names.
func nameOf(value any) string {
	object, _ := value.(map[string]any)
	for _, key := range []string{"clientId", "alias", "username", "name", "clientScope", "client"} {
		if name, ok := object[key].(string); ok {
			if kind, ok := object["subType"].(string); ok {
				name += " " + kind
			}
			return name
		}
	}
	return ""
}

// secretPath matches paths whose values are never shown.
var secretPath = regexp.MustCompile(`(?i)secret|password|credential|private|keystore`)

func (d document) put(path []string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(path, pathSeparator), err)
	}
	d[strings.Join(path, pathSeparator)] = encoded
	return nil
}
