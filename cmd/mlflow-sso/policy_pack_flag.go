package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

const (
	policyPackFlag = "policy-pack"
	policyPackFile = "PulumiPolicy.yaml"
)

// policyPacks is --policy-pack.
type policyPacks struct{ folders []string }

func (p *policyPacks) flag(command *cobra.Command) {
	command.Flags().StringArrayVar(&p.folders, policyPackFlag, nil,
		"`FOLDER` of a Pulumi policy pack that the stack must pass; may be repeated")
	_ = command.MarkFlagDirname(policyPackFlag)
}

// absolute returns absolute folder names, since Pulumi runs in another folder. It reports all
// mistakes.
func (p *policyPacks) absolute() ([]string, error) {
	var all []string
	var mistakes []error
	for _, folder := range p.folders {
		path, err := filepath.Abs(folder)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		if info, err := os.Stat(filepath.Join(path, policyPackFile)); err != nil || !info.Mode().IsRegular() {
			mistakes = append(mistakes, fmt.Errorf("--%s: got %s, want a folder with a %s", policyPackFlag, folder, policyPackFile))
		}
		all = append(all, path)
	}
	if len(mistakes) > 0 {
		return nil, usageError{errors.Join(mistakes...)}
	}
	return all, nil
}
