package tests

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/config"
)

// oldSettings matches the old names of settings: those with a dot, and words in backquotes.
func oldSettings() *regexp.Regexp {
	var names []string
	for _, row := range config.RenamedSettings() {
		name := regexp.QuoteMeta(row.Old)
		if !strings.Contains(row.Old, ".") {
			name = "`" + name + "`"
		}
		names = append(names, name)
	}
	return regexp.MustCompile(strings.Join(names, "|"))
}

// An operator who follows a message or a page to a setting finds it under its current name.
func TestNoMessageAndNoPageNamesARenamedSetting(t *testing.T) {
	old := oldSettings()
	require.True(t, old.MatchString("setting backup.every"))
	require.True(t, old.MatchString("list them in `people` in the stack file"))
	require.False(t, old.MatchString("some people"))
	literals := 0
	for _, s := range sources(t, "cmd", "components", "config", "contract", "internal", "platform") {
		if s.name == "config/deprecated.go" {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if text, ok := node.(*ast.BasicLit); ok && text.Kind == token.STRING {
				literals++
				require.Empty(t, old.FindString(text.Value), "%s", s.set.Position(text.Pos()))
			}
			return true
		})
	}
	require.Greater(t, literals, 1000)
	for _, root := range []string{"docs", "README.md", "SECURITY.md", "CONTRIBUTING.md", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		require.NoError(t, filepath.WalkDir(inRepository(root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "settings.md") {
				return err
			}
			text, err := os.ReadFile(path)
			require.Empty(t, old.FindString(string(text)), path)
			return err
		}))
	}
}
