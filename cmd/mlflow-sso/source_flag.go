package main

import (
	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/toolchain"
)

const fromSourceFlag = "from-source"

// sourceFlag is --from-source.
type sourceFlag struct{ build bool }

func (f *sourceFlag) flag(command *cobra.Command) {
	command.Flags().BoolVar(&f.build, fromSourceFlag, false,
		"build Pulumi and its plugins instead of downloading them (also $"+toolchain.SourceVariable+"=1)")
}

// chosen is the flag's value, if it was given.
func (f *sourceFlag) chosen(command *cobra.Command) toolchain.Source {
	switch {
	case f.build:
		return toolchain.FromSource
	case command.Flags().Changed(fromSourceFlag):
		return toolchain.FromVendor
	}
	return toolchain.Preferred
}
