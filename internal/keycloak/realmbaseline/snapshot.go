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

// document is a realm as one value for each path, such as
// `clients / mlflow / fullScopeAllowed`. Two realms that are alike have the same
// document: what Keycloak chooses each time is not in it.
type document map[string]json.RawMessage

// pathSeparator parts the steps of a path.
const pathSeparator = " / "

// chosen are members that Keycloak chooses for each realm, or that are no part of it.
// notBefore is when sessions were last signed out, in the realm and in each client: it is
// a measure that was taken, not a setting, and to undo it would let stolen tokens in again.
func chosen() []string {
	return []string{"id", "containerId", "parentId", "createdTimestamp", "keycloakVersion", "notBefore"}
}

// flatten takes up an export. Texts that differ from stack to stack, such as its
// public addresses, are replaced first.
func flatten(export map[string]any, known *strings.Replacer) (document, error) {
	d := document{}
	if err := d.take(nil, export, known); err != nil {
		return nil, err
	}
	// From the first time on that a user saves the realm in the console, Keycloak
	// writes some settings a second time, as attributes.
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

// list takes up a list. One of texts has no order that means anything: Keycloak
// writes it as its database gives it. The members of another one go by their names,
// or, like the steps of a login, by their place.
// An empty list is as good as none.
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

// nameOf is what a member of a list is called; empty where it has no name. Policies
// about clients that register themselves have the same names twice.
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

// secretPath is a path whose value nobody shows.
var secretPath = regexp.MustCompile(`(?i)secret|password|credential|private|keystore`)

func (d document) put(path []string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(path, pathSeparator), err)
	}
	d[strings.Join(path, pathSeparator)] = encoded
	return nil
}
