package health

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// confidential matches names of variables whose values are never shown.
var confidential = regexp.MustCompile(`PASSWORD|SECRET|PASSPHRASE|_KEY$`)

// shortest is the minimum length of a value to count as a secret: a shorter one may be part of
// any text.
const shortest = 8

// secrets returns all secrets that the program gave to the containers.
func (p Target) secrets() (all []string) {
	add := func(text string) {
		if len(text) >= shortest {
			all = append(all, text)
			if escaped := url.QueryEscape(text); escaped != text {
				all = append(all, escaped)
			}
		}
	}
	add(p.Stack.Keycloak.Admin.Password)
	add(p.Stack.Keycloak.Provider.Secret)
	for _, user := range p.Stack.DemoUsers {
		add(user.Password)
	}
	for _, environment := range p.Environments {
		for name, value := range environment {
			if confidential.MatchString(name) {
				add(value)
			}
			if u, err := url.Parse(value); err == nil && u.User != nil {
				password, _ := u.User.Password()
				add(password)
			}
		}
	}
	// The longest first: one may be part of another.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// inAddress matches a password in a URL, including one that the program did not write.
var inAddress = regexp.MustCompile(`(://[^\s/@:]*:)[^\s/@]+@`)

// redact removes secrets from another program's text.
func (p Target) redact(text string) string {
	for _, secret := range p.secrets() {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return inAddress.ReplaceAllString(text, "$1…@")
}
