package datacheck

import (
	"errors"
	"fmt"
	"strings"
)

// RequireSameTables requires the same tables with the same content.
func RequireSameTables(wanted, got string) error {
	if strings.TrimSpace(wanted) == "" {
		return errors.New("the snapshot has no checksum of any table")
	}
	held := map[string]string{}
	for line := range strings.Lines(got) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		held[name] = rest
	}
	seen := 0
	for line := range strings.Lines(wanted) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name == "" {
			continue
		}
		seen++
		if held[name] != rest {
			return fmt.Errorf("table %s: got %q, want %q (rows, and a checksum of their content)", name, strings.ReplaceAll(held[name], "\t", " "), strings.ReplaceAll(rest, "\t", " "))
		}
	}
	if seen != len(held) {
		return fmt.Errorf("got %d tables, want %d", len(held), seen)
	}
	return nil
}
