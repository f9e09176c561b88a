package scenario

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// Forge takes a signed token apart and reassembles it with other claims and, if given, another
// header; sign returns the signature of the two signed parts.
//
// It works on the encoded parts: go-jose cannot create a token that is unsigned or malformed, and
// would reorder the fields of unchanged parts.
func Forge(token string, header, change map[string]any, sign func(signed string) string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is not a signed JWT: it does not have three parts")
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
	signed := parts[0] + "." + parts[1]
	return signed + "." + sign(signed), nil
}

func encodeSegment(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// Signature is the signature of a token.
func Signature(token string) string { return token[strings.LastIndex(token, ".")+1:] }

// Keep returns a sign of [Forge] that sets the given signature.
func Keep(signature string) func(string) string { return func(string) string { return signature } }

// Broken returns a signature that differs from the token's in one character. At the front of a
// signature a change always changes a significant bit.
func Broken(token string) string {
	old := Signature(token)
	if old == "" {
		return "A"
	}
	if old[0] == 'A' {
		return "B" + old[1:]
	}
	return "A" + old[1:]
}
