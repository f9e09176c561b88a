package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Load reads and checks the settings of the stack that Pulumi runs, and logs a
// warning for each setting under an old name.
func Load(ctx *pulumi.Context) (*Config, error) {
	c, err := Parse(Source{Keys: setKeys(), Get: ctx.GetConfig, IsSecret: ctx.IsConfigSecret})
	if err != nil {
		return nil, err
	}
	for _, warning := range c.Warnings {
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return nil, fmt.Errorf("log a warning: %w", err)
		}
	}
	return c, nil
}

// Source is a source of settings. Keys are full, "mlflow-sso:name".
type Source struct {
	// Keys returns the keys that are set, of this project and others.
	Keys []string
	// Get returns the value of a key and whether it is set: a text as it is, everything else as
	// JSON.
	Get func(key string) (string, bool)
	// IsSecret reports whether the value is encrypted.
	IsSecret func(key string) bool
}

// Parse reads and validates settings. The error joins all mistakes; with an error there is no
// configuration.
func Parse(source Source) (*Config, error) {
	c := defaults()
	d := &decoder{}

	fields := topLevelFields(reflect.ValueOf(c).Elem())
	known := slices.Sorted(maps.Keys(fields))
	var ours []string
	for _, full := range source.Keys {
		if name, ok := strings.CutPrefix(full, Namespace+":"); ok {
			ours = append(ours, name)
		}
	}
	members := d.topLevel(source, known, ours)
	for _, name := range known {
		if raw, ok := members[name]; ok {
			d.decode(Namespace+":"+name, raw, fields[name])
		}
	}
	d.unknown(Namespace+":", slices.DeleteFunc(ours, oldName), known)

	c.Warnings = d.warnings
	if c.Backup.unset() {
		c.Backup = nil
	}
	// Rules only make sense of settings that could be read; those about all others are applied.
	if err := mistakesOrNil(append(d.mistakes, independent(c.mistakes(), d.mistakes)...)); err != nil {
		return nil, err
	}
	return c, nil
}

// topLevelFields returns the fields of a configuration by their keys.
func topLevelFields(config reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range config.NumField() {
		if name := key(config.Type().Field(i)); name != "-" {
			fields[name] = config.Field(i)
		}
	}
	return fields
}

// topLevel returns the top-level settings as JSON, under their current names. Pulumi stores a
// text without its quotes and everything else as JSON.
func (d *decoder) topLevel(source Source, known, given []string) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	for _, name := range append(slices.Clone(known), slices.DeleteFunc(slices.Clone(given), func(name string) bool { return !oldName(name) })...) {
		path := Namespace + ":" + name
		text, ok := source.Get(path)
		switch {
		case !ok:
		case source.IsSecret(path):
			d.fail(path, "is encrypted, want plain text: no setting of a stack is a secret. %s", howSecrets)
		case isText(name):
			members[name], _ = json.Marshal(text) // a string always marshals
		default:
			members[name] = json.RawMessage(text)
		}
	}
	d.rename(Namespace, members)
	return members
}

// isText reports whether a top-level setting is a text.
func isText(name string) bool {
	for field := range reflect.TypeFor[Config]().Fields() {
		if key(field) == name {
			return field.Type.Kind() == reflect.String
		}
	}
	return false
}

// oldName reports whether a top-level key is the old name of a setting.
func oldName(name string) bool {
	return slices.ContainsFunc(RenamedSettings(), func(r Renamed) bool { return r.Old == name })
}

// setKeys returns the keys that the stack sets. Pulumi's context only returns the value of a
// known key, so this reads them from the context's own source.
func setKeys() []string {
	var all map[string]string
	if json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &all) != nil {
		return nil
	}
	return slices.Collect(maps.Keys(all))
}

// key returns a field's name in the stack file.
func key(field reflect.StructField) string { return field.Tag.Get("json") }

// decoder reads JSON into a struct and collects every mistake; encoding/json stops at the first
// and names neither key nor value.
type decoder struct {
	mistakes []*SettingError
	warnings []string
}

// fail reports a value that cannot be read.
func (d *decoder) fail(path, format string, args ...any) {
	d.mistakes = append(d.mistakes, &SettingError{Path: path, Err: fmt.Errorf(format, args...), unread: true})
}

// refuse reports a setting that does not exist.
func (d *decoder) refuse(path, format string, args ...any) {
	d.mistakes = append(d.mistakes, &SettingError{Path: path, Err: fmt.Errorf(format, args...)})
}

func (d *decoder) decode(path string, raw json.RawMessage, into reflect.Value) {
	if read, special := readers[into.Type()]; special {
		if err := read(raw, into); err != nil {
			d.fail(path, "%w", err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		// An optional object, with defaults of its own if it is present.
		fresh := reflect.New(into.Type().Elem())
		if withDefaults, has := fresh.Interface().(interface{ setDefaults() }); has {
			withDefaults.setDefaults()
		}
		if string(raw) == "null" {
			d.fail(path, "got null, want an object, or nothing at all")
			return
		}
		d.decode(path, raw, fresh.Elem())
		into.Set(fresh)
	case reflect.Struct:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			d.fail(path, "got %s, want an object", shown(path, raw))
			return
		}
		d.rename(path, members)
		known := make([]string, into.NumField())
		for i := range into.NumField() {
			known[i] = key(into.Type().Field(i))
			if member, set := members[known[i]]; set {
				d.decode(path+"."+known[i], member, into.Field(i))
			}
		}
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		d.unknown(path+".", names, known)
	case reflect.Slice:
		d.list(path, raw, into)
	default:
		d.plain(path, raw, into)
	}
}

// plain reads a value without named members.
func (d *decoder) plain(path string, raw json.RawMessage, into reflect.Value) {
	if err := json.Unmarshal(raw, into.Addr().Interface()); err != nil || string(raw) == "null" {
		d.fail(path, "got %s, want %s%s", shown(path, raw), wanted(into.Type()), quoted(raw, into.Type()))
	}
}

// list reads the members in order, each with its defaults and its index.
func (d *decoder) list(path string, raw json.RawMessage, into reflect.Value) {
	var members []json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || string(raw) == "null" {
		d.fail(path, "got %s, want a list", shown(path, raw))
		return
	}
	if len(members) == 0 {
		return // as if it were absent
	}
	all := reflect.MakeSlice(into.Type(), len(members), len(members))
	for i, member := range members {
		at := all.Index(i)
		if withDefaults, has := at.Addr().Interface().(interface{ setDefaults() }); has {
			withDefaults.setDefaults()
		}
		d.decode(fmt.Sprintf("%s[%d]", path, i), member, at)
	}
	into.Set(all)
}

// howSecrets explains how to configure a secret.
const howSecrets = "The credentials of a stack are derived; those of an external service are read from files, " +
	"which passwordFile, passwordFiles or secretKeyFile name"

// secretName matches names of settings that may contain a secret, by mistake or by design.
var secretName = regexp.MustCompile(`(?i)password|passwd|secret|token|credential|api_?key`)

// shown returns a value for a message, unless it may be a secret.
func shown(path string, raw json.RawMessage) string {
	if secretName.MatchString(path[strings.LastIndex(path, ".")+1:]) {
		return "a value that is not repeated here"
	}
	return string(raw)
}

// unknown reports names that no field has.
func (d *decoder) unknown(prefix string, got, known []string) {
	slices.Sort(got)
	for _, name := range got {
		switch {
		case slices.Contains(known, name):
		case secretName.MatchString(name):
			d.refuse(prefix+name, "unknown setting, want one of %s. No secret is typed into a stack file. %s", strings.Join(known, ", "), howSecrets)
		case name == "jobs" && strings.HasSuffix(prefix, ":mlflow."):
			d.refuse(prefix+name, noJobs)
		case strings.HasSuffix(prefix, ":postgres.") && publishing(name), strings.HasSuffix(prefix, ":redis.") && publishing(name):
			d.refuse(prefix+name, "unknown setting: databases are never published, they are reached on the private network alone")
		default:
			d.refuse(prefix+name, "unknown setting, want one of %s", strings.Join(known, ", "))
		}
	}
}

func publishing(name string) bool {
	return slices.Contains([]string{"port", "ports", "publish", "published", "expose", "publicURL"}, name)
}

// quoted is a hint for a text that would be right without its quotes.
func quoted(raw json.RawMessage, t reflect.Type) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && json.Unmarshal([]byte(text), reflect.New(t).Interface()) == nil {
		return ", without quotes"
	}
	return ""
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list, of " + wanted(t.Elem()) + " each"
	case reflect.Map:
		return "an object of " + wanted(t.Elem()) + " each"
	default:
		return "a value of type " + t.String()
	}
}
