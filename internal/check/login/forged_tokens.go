package login

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// forge takes a signed token apart and puts it together again with another
// header, if one is given, other claims, and the signature that sign makes of
// the old one.
func forge(token string, header map[string]any, change map[string]any, sign func(string) string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is no signed JWT, it has not three parts")
	}
	if header != nil {
		encoded, err := encodeSegment(header)
		if err != nil {
			return "", err
		}
		parts[0] = encoded
	}
	if len(change) > 0 {
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return "", errors.New("the token's claims are not base64url")
		}
		var all map[string]any
		if err := json.Unmarshal(raw, &all); err != nil || all == nil {
			return "", errors.New("the token's claims are no JSON object")
		}
		for name, value := range change {
			all[name] = value
		}
		if parts[1], err = encodeSegment(all); err != nil {
			return "", err
		}
	}
	if parts[2] == "" {
		return "", errors.New("the token has no signature")
	}
	parts[2] = sign(parts[2])
	return strings.Join(parts, "."), nil
}

func encodeSegment(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

func noSignature(string) string        { return "" }
func sameSignature(old string) string  { return old }
func otherSignature(old string) string { return string(flip(old[0])) + old[1:] }

// flip changes a character of base64url for another one. At the front of a
// signature it always changes a bit that counts.
func flip(c byte) rune {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}
