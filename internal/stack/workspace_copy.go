package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

const projectFile = "Pulumi.yaml"

// edited reports whether a source of the program is newer than Program, which is outdated then.
func (s *Stack) edited() bool {
	program, err := os.Stat(s.Program)
	if err != nil {
		return true
	}
	for _, name := range []string{"go.mod", "go.sum", "cmd", "components", "config", "contract", "internal", "platform"} {
		err := filepath.WalkDir(filepath.Join(s.Repository, name), func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			source, err := entry.Info()
			if err == nil && !entry.IsDir() && source.ModTime().After(program.ModTime()) {
				return errEdited
			}
			return err
		})
		if err != nil {
			return true
		}
	}
	return false
}

// setPlugin makes Pulumi use the project's own plugin at its path. The path in the project file
// is relative, and the copy is in another folder.
func (s *Stack) setPlugin(project *workspace.Project) {
	if project.Plugins == nil {
		return
	}
	for i, p := range project.Plugins.Providers {
		switch {
		case p.Name == pulumiplugin.Name && s.Plugin != "":
			project.Plugins.Providers[i].Path = s.Plugin
		case !filepath.IsAbs(p.Path):
			project.Plugins.Providers[i].Path = filepath.Join(s.Repository, p.Path)
		}
	}
}

var errEdited = errors.New("a source is newer than the program")

// writeMirror copies the project file and the stack file to a folder where Pulumi may write. The
// copy of the project contains the path of the program. The copy of the stack file keeps what
// Pulumi has added to the one in the home: the salt of the encryption.
func (s *Stack) writeMirror() error {
	if err := os.MkdirAll(s.mirror, 0o700); err != nil {
		return fmt.Errorf("stack %q: %w", s.Name, err)
	}
	project, err := workspace.LoadProject(filepath.Join(s.Repository, projectFile))
	if err != nil {
		return fmt.Errorf("project file: %w", err)
	}
	project.Main = s.Repository
	if s.Program != "" && !s.edited() {
		project.Runtime.SetOption("binary", s.Program)
	}
	s.setPlugin(project)
	if err := project.Save(filepath.Join(s.mirror, projectFile)); err != nil {
		return fmt.Errorf("copy of the project file: %w", err)
	}
	wanted, err := workspace.LoadProjectStack(nil, project, s.File)
	if err != nil {
		return fmt.Errorf("stack file %s: %w", s.File, err)
	}
	own := filepath.Join(s.Home.Stack(s.Name), "Pulumi."+s.Name+".yaml")
	if _, err := os.Stat(own); err == nil {
		before, err := workspace.LoadProjectStack(nil, project, own)
		if err != nil {
			return fmt.Errorf("copy of the stack file: %w", err)
		}
		// Not the one in the stack file: a plain `pulumi` has written it, for its own state.
		if before.EncryptionSalt != "" {
			wanted.EncryptionSalt = before.EncryptionSalt
		}
	}
	if err := wanted.Save(filepath.Join(s.mirror, "Pulumi."+s.Name+".yaml")); err != nil {
		return fmt.Errorf("copy of the stack file: %w", err)
	}
	return nil
}
