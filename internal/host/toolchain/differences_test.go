package toolchain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// unknown are the settings that only the SDK knows, in the program's notation:
// "keycloak.RealmArgs.OrganizationsEnabled".
func unknown(t *testing.T, p part) map[string]bool {
	t.Helper()
	upper := func(word string) string { return string(unicode.ToUpper(rune(word[0]))) + word[1:] }
	found := map[string]bool{}
	for line := range strings.Lines(read(t, "bootstrap", p.source, "testdata", "differences.txt")) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "only in the SDK: ")
		if !ok {
			continue
		}
		where, property, _ := strings.Cut(line, " ")
		property, _, _ = strings.Cut(property, ":")
		pkg, member := p.plugin, "Provider"
		if words := strings.Split(where, ":"); len(words) == 3 { // package:module/member:Member
			module, _, _ := strings.Cut(words[1], "/")
			if module != "index" {
				pkg = module
			}
			member = words[2]
		}
		steps := strings.Split(property, ".")
		for _, step := range steps[:len(steps)-1] {
			name, list := strings.CutSuffix(step, "[]")
			if list {
				name = strings.TrimSuffix(name, "s")
			}
			member += upper(name)
		}
		last := strings.TrimRight(steps[len(steps)-1], "[]{}")
		found[pkg+"."+member+"Args."+upper(last)] = true
	}
	return found
}

// settings returns the fields that a Go file sets in the arguments of resources.
func settings(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		typed, ok := literal.Type.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		for _, element := range literal.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				if key, ok := pair.Key.(*ast.Ident); ok {
					found = append(found, typed.X.(*ast.Ident).Name+"."+typed.Sel.Name+"."+key.Name)
				}
			}
		}
		return true
	})
	return found
}

func TestTheProgramNeverSetsWhatItsPluginDoesNotKnow(t *testing.T) {
	missing := map[string]bool{}
	for _, p := range plugins {
		for setting := range unknown(t, p) {
			missing[setting] = true
		}
	}
	for _, example := range []string{
		"keycloak.RealmArgs.OrganizationsEnabled", "keycloak.ProviderArgs.AdminUrl", "openid.ClientArgs.ClientSecretWo",
		"keycloak.RealmUserProfileAttributeArgs.MultiValued", "keycloak.RealmSmtpServerTokenAuthArgs.Url",
	} {
		require.True(t, missing[example], example)
	}
	seen := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "..", "components"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, setting := range settings(t, path) {
			seen++
			require.False(t, missing[setting], "%s sets %s, which the plugin ignores", path, setting)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 50)
}
