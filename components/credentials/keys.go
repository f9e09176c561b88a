package credentials

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

const (
	// MostGenerations bounds generations and roots, so that a version fits in one number.
	MostGenerations = 999
	// FirstVersion is the version of a credential that was never rotated.
	FirstVersion = "1.1"
)

// Version is the root secret and the generation that a credential is derived from, such as "1.2".
// It reveals nothing about the value.
func Version(root, generation int) string {
	return fmt.Sprintf("%d.%d", max(root, 1), max(generation, 1))
}

// ParseVersion parses such a text.
func ParseVersion(text string) (root, generation int, err error) {
	first, second, _ := strings.Cut(text, ".")
	root, errRoot := strconv.Atoi(first)
	generation, errGeneration := strconv.Atoi(second)
	if errRoot != nil || errGeneration != nil || root < 1 || generation < 1 || max(root, generation) > MostGenerations {
		return 0, 0, fmt.Errorf("version: got %q, want the numbers of a root secret and a generation, such as %s", text, FirstVersion)
	}
	return root, generation, nil
}

// VersionOfNumber is the inverse of [VersionNumber].
func VersionOfNumber(number int) string {
	return Version(number/(MostGenerations+1)+1, number%(MostGenerations+1))
}

// VersionNumber returns a version as one number, for a service that counts. The first version is
// 1, the value such a service starts with.
func VersionNumber(root, generation int) int {
	return (max(root, 1)-1)*(MostGenerations+1) + max(generation, 1)
}

// RootName returns the name of a root secret in the state, which begins with its component's. The
// first has no number, because stacks had it before rotation existed.
func RootName(component string, number int) string {
	if number <= 1 {
		return component + "-root"
	}
	return fmt.Sprintf("%s-root-%d", component, number)
}

// Keys are the credentials in plain text, for use outside the program: the current and previous
// values of each.
type Keys struct {
	// Roots are the root secrets in base64, by number; Root is the current one.
	Roots map[int]string
	Root  int
	// Generations is the generation of each credential; 1 if absent.
	Generations map[Label]int
}

// Key is a value of a credential.
type Key struct {
	// Number is the version of the value.
	Number int
	// Value has the format of Password.
	Value string
}

// Current returns a credential's current value.
func (k Keys) Current(label Label) (Key, error) {
	return k.key(label, max(k.Root, 1), max(k.Generations[label], 1))
}

// Version returns the version of a credential's current value.
func (k Keys) Version(label Label) string { return Version(k.Root, k.Generations[label]) }

// Previous returns the values that a credential may have had before, newest first: generations
// never decrease, so none is higher than the current one.
func (k Keys) Previous(label Label) ([]Key, error) {
	var all []Key
	root, generation := max(k.Root, 1), max(k.Generations[label], 1)
	for r := root; r >= 1; r-- {
		if _, kept := k.Roots[r]; !kept {
			continue
		}
		for g := generation; g >= 1; g-- {
			if r == root && g == generation {
				continue
			}
			one, err := k.key(label, r, g)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

func (k Keys) key(label Label, root, generation int) (Key, error) {
	value, err := Derive(k.Roots[root], label, generation)
	if err != nil {
		return Key{}, err
	}
	return Key{Number: VersionNumber(root, generation), Value: base64.RawURLEncoding.EncodeToString(value)}, nil
}
