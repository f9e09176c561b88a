package toolchain

import (
	"fmt"
	"os"
	"strconv"
)

// Source is where Pulumi and its plugins come from.
type Source int

const (
	// Preferred keeps what is installed. What is missing is the vendor's, or is built where
	// the vendor cannot be reached.
	Preferred Source = iota
	// FromSource builds everything from the Go module proxy and never contacts the vendor.
	FromSource
	// FromVendor replaces what was built by the vendor's, if the vendor can be reached.
	FromVendor
)

// SourceVariable is the environment variable that asks for FromSource in every command.
const SourceVariable = "MLFLOW_SSO_FROM_SOURCE"

// orEnvironment lets the environment decide where no flag did.
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
