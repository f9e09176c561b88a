package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
)

// mostMetadata limits what is read: a larger file is probably the wrong one.
const mostMetadata = 1 << 20

// Discovery is the discovery document of an OpenID Connect provider,
// /.well-known/openid-configuration.
type Discovery struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Keys          string `json:"jwks_uri"`
	UserInfo      string `json:"userinfo_endpoint"`
}

// ReadDiscovery reads the document from a file. Every URL in it must be https: otherwise a man in
// the middle could log in as any user.
func ReadDiscovery(path string) (Discovery, error) {
	var d Discovery
	content, err := readMetadata(path)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return d, fmt.Errorf("%s is not the JSON document of an OpenID Connect provider: %w", path, err)
	}
	var errs []error
	for _, endpoint := range []struct {
		name, got string
		optional  bool
	}{
		{"issuer", d.Issuer, false},
		{"authorization_endpoint", d.Authorization, false},
		{"token_endpoint", d.Token, false},
		{"jwks_uri", d.Keys, false},
		{"userinfo_endpoint", d.UserInfo, true},
	} {
		if endpoint.got == "" && endpoint.optional {
			continue
		}
		if err := checkEndpoint(endpoint.got); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", path, endpoint.name, err))
		}
	}
	return d, errors.Join(errs...)
}

// readMetadata reads a file that the operator has fetched from a provider, so that neither
// previews nor updates depend on the provider.
func readMetadata(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("got %q, want the absolute path of a file with what the provider publishes about itself", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, mostMetadata+1))
	if err == nil && len(content) > mostMetadata {
		err = fmt.Errorf("%s has more than %d bytes, want one document", path, mostMetadata)
	}
	return content, err
}

func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is missing, want an address")
	case err != nil || u.Host == "" || u.User != nil:
		return fmt.Errorf("got %q, want an address", text)
	case u.Scheme != "https":
		return fmt.Errorf("got %q, want https: a man in the middle could log in as any user", text)
	}
	return nil
}
