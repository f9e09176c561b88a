package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/mlflow-sso/mlflow-sso/contract/address"
)

// readers parse settings whose text has a format of its own.
var readers = map[reflect.Type]func(json.RawMessage, reflect.Value) error{
	reflect.TypeFor[address.Public](): reader(address.ParsePublic),
	reflect.TypeFor[time.Duration]():  reader(parseDuration),
	reflect.TypeFor[netip.Addr]():     reader(parseAddress),
	reflect.TypeFor[netip.Prefix]():   reader(parseSubnet),
	reflect.TypeFor[SecretFile]():     readSecretFile,
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

func parseAddress(text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is4() {
		return netip.Addr{}, fmt.Errorf(`got %q, want an IPv4 address of this host, or "0.0.0.0" for all`, text)
	}
	return address, nil
}

func parseSubnet(text string) (netip.Prefix, error) {
	subnet, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf(`got %q, want a subnet such as "10.213.71.0/24"`, text)
	}
	return subnet, nil
}
