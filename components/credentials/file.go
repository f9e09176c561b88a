package credentials

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// leastSecret is the minimum length of an external secret, in characters.
	leastSecret = 16
	// mostSecret limits what is read: a larger file is probably the wrong one.
	mostSecret = 4 << 10
)

// FromFile reads the credential of an external service: the whole file, without one trailing
// newline. No error repeats the file's content, or a path that may be the credential itself.
func FromFile(path string) (string, error) {
	if path == "" {
		return "", errors.New("got nothing, want the absolute path of a file that holds it")
	}
	if !filepath.IsAbs(path) {
		return "", errors.New("got no absolute path, want that of a file that holds it; what was got is not repeated here")
	}
	content, err := readSecret(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return secret, nil
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("got %s, want a file with the secret: create it with `install -m 0600 /dev/stdin PATH`", shownPath(path))
	case err != nil:
		return nil, fmt.Errorf("got %s: %w", shownPath(path), errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Mode().Perm()&0o006 != 0:
		return nil, fmt.Errorf("%s can be read by everyone (mode %#o), want 0600 or 0640: `chmod 600 %s`", path, info.Mode().Perm(), path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, mostSecret+1))
	if err == nil && len(content) > mostSecret {
		err = fmt.Errorf("%s has more than %d bytes, want one secret and nothing else", path, mostSecret)
	}
	return content, err
}

// shownPath hides a path in a folder that does not exist: it may be a secret that was typed in
// the wrong place.
func shownPath(path string) string {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); folder == "/" || err != nil || !info.IsDir() {
		return "a path in a directory that does not exist"
	}
	return fmt.Sprintf("%q, which does not exist or cannot be read", path)
}

// obvious are common passwords and sequences, and placeholders of examples that were never
// replaced.
var obvious = regexp.MustCompile(`(?i)pass(word|wort|w0rd|phrase)?|change-?me|example|placeholder|secret|default|admin|minio|root|user|` +
	`postgres(ql)?|mlflow|auth|keycloak|redis|test|demo|qwert[yz]|abcdef(ghi)?|0?12345\d*`)

// leastLeft is the minimum number of different characters in a secret besides such words.
const leastLeft = 6

// checkSecret describes what is wrong with a secret without repeating any of it.
func checkSecret(secret string) error {
	length := utf8.RuneCountInString(secret)
	different := map[rune]bool{}
	for _, r := range obvious.ReplaceAllString(secret, "") {
		different[r] = true
	}
	switch {
	case secret == "":
		return errors.New("is empty, want only the secret")
	case strings.TrimSpace(secret) != secret:
		return errors.New("begins or ends with a space or an empty line, want only the secret: a service would treat the rest as part of it")
	case strings.ContainsFunc(secret, unicode.IsControl) || !utf8.ValidString(secret):
		return errors.New("has more than one line, or a character that cannot be typed, want only the secret")
	case length < leastSecret:
		return fmt.Errorf("has %d characters, want at least %d, best from a generator such as `openssl rand -hex 32`", length, leastSecret)
	case len(different) < leastLeft:
		return errors.New("holds one of the passwords that are tried first, want one from a generator such as `openssl rand -hex 32`")
	}
	return nil
}
