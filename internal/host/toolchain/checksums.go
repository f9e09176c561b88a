package toolchain

import (
	_ "embed"
	"fmt"
	"regexp"
	"runtime"
	"strings"
)

// checksumTable has a line "name version os-arch sha256" for each vendor archive with a pinned
// checksum. `make plugin-checksums` writes it.
//
//go:embed plugin_checksums.txt
var checksumTable string

// checksumPlatforms are the platforms whose archives are pinned.
var checksumPlatforms = []string{"darwin-amd64", "darwin-arm64", "linux-amd64", "linux-arm64"}

func thisPlatform() string { return runtime.GOOS + "-" + runtime.GOARCH }

var sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)

// checksums are keyed by [checksumKey].
type checksums map[string]string

func checksumKey(p part, platform string) string {
	return p.plugin + " " + p.version + " " + platform
}

// parseChecksums reads a table; # starts a comment.
func parseChecksums(table string) (checksums, error) {
	found := checksums{}
	number := 0
	for line := range strings.Lines(table) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 4 || !sha256Text.MatchString(words[3]) {
			return nil, fmt.Errorf("line %d: got %q, want name, version, os-arch and SHA-256", number, strings.TrimSpace(line))
		}
		key := strings.Join(words[:3], " ")
		if found[key] != "" {
			return nil, fmt.Errorf("line %d: %s has a checksum already", number, key)
		}
		found[key] = words[3]
	}
	return found, nil
}
