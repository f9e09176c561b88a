package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mlflow-sso/mlflow-sso/internal/host/workingcopy"
	"github.com/mlflow-sso/mlflow-sso/internal/reference"
)

// newReferenceCommand writes the generated pages of docs/reference. It is hidden: only a change
// of a command or setting needs it.
func newReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "reference",
		Hidden:  true,
		Short:   "Write docs/reference/cli.md and settings.md",
		Long:    "reference writes docs/reference/cli.md from the commands and docs/reference/settings.md from the settings' types.",
		Example: "  mlflow-sso reference",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := workingcopy.Find(".")
			if err != nil {
				return err
			}
			pages, err := referencePages(root, cmd.Root())
			if err != nil {
				return err
			}
			for name, page := range pages {
				path := filepath.Join(root, "docs", "reference", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// referencePages returns the generated pages by their file names.
func referencePages(root string, commands *cobra.Command) (map[string]string, error) {
	flags := make([]reference.Renamed, 0, len(renamedFlags))
	for _, row := range renamedFlags {
		flags = append(flags, reference.Renamed{Old: row.command + " --" + row.old, New: row.command + " --" + row.current})
	}
	for _, row := range renamedCommands {
		flags = append(flags, reference.Renamed{Old: row.old, New: row.current})
	}
	settings, err := reference.Settings(root)
	if err != nil {
		return nil, err
	}
	return map[string]string{"cli.md": reference.CLI(commands, exitHelp, flags), "settings.md": settings}, nil
}
