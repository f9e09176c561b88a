package apt

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultMirror is the public address of Debian's archive.
const DefaultMirror = "http://deb.debian.org/debian"

// DefaultSecurityMirror is the public address of Debian's security updates.
const DefaultSecurityMirror = "http://deb.debian.org/debian-security"

// Mirror returns this machine's configured mirror of Debian's main archive, or DefaultMirror if
// it is not Debian or its configuration cannot be parsed.
func Mirror() string { return mirror("/") }

// SecurityMirror does the same for Debian's security updates.
func SecurityMirror() string { return securityMirror("/") }

func mirror(root string) string { return find(root, "", DefaultMirror) }

func securityMirror(root string) string { return find(root, "-security", DefaultSecurityMirror) }

// find returns the address of the first archive whose suite is one of Debian's, with a suffix.
func find(root, ending, otherwise string) string {
	release := assignments(filepath.Join(root, "etc/os-release"))
	if release["ID"] != "debian" {
		return otherwise
	}
	suites := []string{"stable" + ending, "oldstable" + ending, "testing" + ending}
	if codename := release["VERSION_CODENAME"]; codename != "" {
		suites = append(suites, codename+ending)
	}
	apt := filepath.Join(root, "etc/apt")
	files := []string{filepath.Join(apt, "sources.list")}
	for _, pattern := range []string{"*.sources", "*.list"} {
		more, _ := filepath.Glob(filepath.Join(apt, "sources.list.d", pattern)) // the pattern is valid
		files = append(files, more...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		sources := oneLine(string(text))
		if strings.HasSuffix(file, ".sources") {
			sources = deb822(string(text))
		}
		for _, source := range sources {
			if address := source.archive(suites); address != "" {
				return address
			}
		}
	}
	return otherwise
}

// source is one entry of apt's configuration.
type source struct{ types, uris, suites, components []string }

// archive returns the entry's address if it is the main archive of one of the suites, over a
// protocol that debootstrap supports, too.
func (s source) archive(suites []string) string {
	if !slices.Contains(s.types, "deb") || !slices.Contains(s.components, "main") {
		return ""
	}
	if !slices.ContainsFunc(s.suites, func(suite string) bool { return slices.Contains(suites, suite) }) {
		return ""
	}
	for _, uri := range s.uris {
		if strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://") {
			return strings.TrimSuffix(uri, "/")
		}
	}
	return ""
}

// oneLine parses `deb [options] uri suite component…`.
func oneLine(text string) []source {
	var found []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if before, options, ok := strings.Cut(line, "["); ok {
			_, after, _ := strings.Cut(options, "]")
			line = before + after
		}
		if words := strings.Fields(line); len(words) >= 4 {
			found = append(found, source{words[:1], words[1:2], words[2:3], words[3:]})
		}
	}
	return found
}

// deb822 parses stanzas of `Field: value`; lines that begin with a number sign are comments and
// lines that begin with a space continue the field.
func deb822(text string) []source {
	var found []source
	fields, field := map[string]string{}, ""
	end := func() {
		if !strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			words := func(name string) []string { return strings.Fields(fields[name]) }
			found = append(found, source{words("types"), words("uris"), words("suites"), words("components")})
		}
		fields, field = map[string]string{}, ""
	}
	for line := range strings.Lines(text) {
		switch name, value, ok := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			end()
		case line[0] == ' ' || line[0] == '\t':
			fields[field] += " " + line
		case ok:
			field = strings.ToLower(strings.TrimSpace(name))
			fields[field] = value
		}
	}
	end()
	return found
}

// assignments reads a file of NAME=value lines, such as os-release.
func assignments(file string) map[string]string {
	found := map[string]string{}
	text, err := os.ReadFile(file)
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			found[name] = strings.Trim(value, `"'`)
		}
	}
	return found
}
