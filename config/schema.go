package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// Setting describes one setting for the reference page.
type Setting struct {
	// Path is the key from the stack file's top level, such as "realm.mail.host". "[]" precedes
	// members of a list's objects.
	Path string
	// Type is the type of the value in the stack file.
	Type string
	// Default is empty if there is none.
	Default string
	// Field is the Go field, such as "Mail.Host", whose comment describes the setting.
	Field string
}

// Schema lists every setting in the order of the types, with its default.
func Schema() []Setting { return describe("", reflect.ValueOf(defaults()).Elem()) }

func describe(prefix string, object reflect.Value) (all []Setting) {
	for i := range object.NumField() {
		field := object.Type().Field(i)
		if key(field) == "-" {
			continue
		}
		path := prefix + key(field)
		all = append(all, Setting{path, typeName(field.Type), defaultText(object.Field(i)), object.Type().Name() + "." + field.Name})
		if inner, ok := members(field.Type, object.Field(i)); ok {
			if field.Type.Kind() == reflect.Slice {
				path += "[]"
			}
			all = append(all, describe(path+".", inner)...)
		}
	}
	return all
}

// members returns the object below a field, with its defaults.
func members(kind reflect.Type, value reflect.Value) (reflect.Value, bool) {
	if kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
		value = reflect.New(kind)
		if withDefaults, ok := value.Interface().(interface{ setDefaults() }); ok {
			withDefaults.setDefaults()
		}
		value = value.Elem()
	}
	_, special := readers[kind]
	return value, kind.Kind() == reflect.Struct && !special
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[address.Public]():
		return "URL"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[netip.Addr]():
		return "IP address"
	case reflect.TypeFor[netip.Prefix]():
		return "subnet"
	case reflect.TypeFor[SecretFile]():
		return "path"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.String:
		return "string"
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem()) + "s"
	case reflect.Map:
		return "map of " + typeName(t.Elem()) + "s"
	}
	return "object"
}

func defaultText(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Struct, reflect.Pointer, reflect.Slice, reflect.Map:
		if text, ok := value.Interface().(fmt.Stringer); ok && !value.IsZero() {
			return text.String()
		}
		return ""
	}
	if d, ok := value.Interface().(time.Duration); ok {
		return shortDuration(d)
	}
	text, err := json.Marshal(value.Interface())
	if err != nil || value.IsZero() && value.Kind() != reflect.Bool {
		return ""
	}
	return string(text)
}

// shortDuration writes a duration without its zero parts: 10h, not 10h0m0s.
func shortDuration(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
