package toolchain

import (
	"fmt"
	"os"
	"strconv"
)

// Source is the source of Pulumi and its plugins.
type Source int

const (
	// Preferred keeps what is installed. Anything missing is downloaded from the vendor, or built
	// if the vendor is unreachable.
	Preferred Source = iota
	// FromSource builds everything from the Go module proxy and never contacts the vendor.
	FromSource
	// FromVendor replaces built programs by the vendor's, if the vendor is reachable.
	FromVendor
)

// SourceVariable is the environment variable that selects FromSource for every command.
const SourceVariable = "MLFLOW_SSO_FROM_SOURCE"

// orEnvironment applies the environment variable if no flag was given.
func (s Source) orEnvironment() (Source, error) {
	text := os.Getenv(SourceVariable)
	if s != Preferred || text == "" {
		return s, nil
	}
	build, err := strconv.ParseBool(text)
	if err != nil {
		return s, fmt.Errorf("%s: got %q, want 1 or 0", SourceVariable, text)
	}
	if build {
		return FromSource, nil
	}
	return Preferred, nil
}
