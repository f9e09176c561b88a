// Command pin downloads the vendor's plugins and writes the table of their checksums to the given
// file. It needs access to the vendor's servers; a workflow runs it.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("got %d arguments, want the file to write", len(arguments))
	}
	var table bytes.Buffer
	if err := toolchain.PinChecksums(context.Background(), &table, toolchain.VendorServers()); err != nil {
		return err
	}
	return os.WriteFile(arguments[0], table.Bytes(), 0o600) //nolint:gosec // the caller names its own file
}
