package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/mlflow-sso/mlflow-sso/components/address"
)

// readers read the settings whose text has a form of its own.
var readers = map[reflect.Type]func(json.RawMessage, reflect.Value) error{
	reflect.TypeFor[address.Public](): reader(address.ParsePublic),
	reflect.TypeFor[time.Duration]():  reader(parseDuration),
}

func reader[T any](parse func(string) (T, error)) func(json.RawMessage, reflect.Value) error {
	return func(raw json.RawMessage, into reflect.Value) error {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("got %s, want a text", raw)
		}
		value, err := parse(text)
		if err != nil {
			return err
		}
		into.Set(reflect.ValueOf(value))
		return nil
	}
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf(`got %q, want a duration such as "10h" or "30m"`, text)
	}
	return d, nil
}
