package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/mlflow-sso/mlflow-sso/"

// layers are the parts of the repository, lowest first: a package imports its own
// layer and lower ones. cmd and tests are on top.
var layers = []string{"images", "contract", "components", "config", "platform", "internal", "cmd"}

// allowed lists, for each component, the components that it may import. The import graph is the
// runtime graph: a component knows only the services that it calls. See [shared] for what every
// component may import.
var allowed = map[string][]string{
	"childopts":          nil,
	"hostvolume":         nil,
	"leftovers":          {"identity"},
	"internal/argcheck":  nil,
	"internal/container": nil,
	"credentials":        nil,
	"identity":           nil,
	"image":              nil,
	"loginproof":         nil,
	"network":            nil,
	"postgres":           nil,
	"redis":              nil,
	"objectstore":        nil,
	"keycloak":           {"postgres"},
	"backup":             {"postgres", "objectstore"},
	"edge":               {"keycloak"},
	"realm":              {"identity", "keycloak"},
	"users":              {"realm"},
	"identityprovider":   {"realm"},
	"mlflow":             {"postgres", "realm", "redis", "objectstore"},
	"permissions":        {"mlflow", "realm"},
	"pluginprovider":     {},
	"identitysync":       {"mlflow", "postgres", "realm"},
}

// shared are the helpers that every component may import.
var shared = []string{"childopts", "hostvolume", "internal/argcheck", "internal/container", "leftovers"}

// source is a file that is part of the program, and not a test.
type source struct {
	// name is from the repository's folder.
	name  string
	lines int
	text  string
	file  *ast.File
	set   *token.FileSet
}

// sources are the files below folders of the repository.
func sources(t *testing.T, folders ...string) []source {
	t.Helper()
	var all []source
	for _, folder := range folders {
		err := filepath.WalkDir(inRepository(folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, text, parser.ParseComments)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(inRepository("."), path)
			all = append(all, source{filepath.ToSlash(name), strings.Count(string(text), "\n"), string(text), file, set})
			return err
		})
		require.NoError(t, err)
	}
	require.NotEmpty(t, all)
	return all
}

// program is everything that Pulumi runs.
func program(t *testing.T) []source {
	t.Helper()
	return sources(t, "contract", "components", "config", "platform", "main.go")
}

func imports(t *testing.T, s source) []string {
	t.Helper()
	var all []string
	for _, spec := range s.file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		all = append(all, path)
	}
	return all
}

func TestImportsFollowTheOrderOfTheLayers(t *testing.T) {
	for _, s := range sources(t, layers...) {
		own := slices.Index(layers, strings.Split(s.name, "/")[0])
		for _, path := range imports(t, s) {
			if path, ok := strings.CutPrefix(path, module); ok {
				layer := slices.Index(layers, strings.Split(path, "/")[0])
				require.GreaterOrEqual(t, layer, 0, "%s imports %s, want a package of one of %v", s.name, path, layers)
				require.LessOrEqual(t, layer, own, "%s imports %s, want its own layer or a lower one of %v", s.name, path, layers)
			}
		}
	}
}

func TestComponentsImportOnlyTheServicesTheyCall(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t, "components") {
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(s.name)), "components/")
		may, known := allowed[folder]
		require.True(t, known, "%s is a new component: list in this test what it may import", folder)
		seen[folder] = true
		for _, path := range imports(t, s) {
			if other, ok := strings.CutPrefix(path, module+"components/"); ok {
				require.Contains(t, append(slices.Clone(may), shared...), other, "%s imports %s", s.name, other)
			}
		}
	}
	require.Len(t, seen, len(allowed), "a package in this test is gone")
}

func TestTheProgramIsThePlatform(t *testing.T) {
	for _, s := range sources(t, "main.go") {
		for _, path := range imports(t, s) {
			if strings.HasPrefix(path, module) {
				require.Equal(t, module+"platform", path)
			}
		}
	}
}

// What packages of the layers internal and cmd may import, in addition to the order of the
// layers.
func TestWorkflowsAreInLifecycleAndPulumiIsDrivenInOnePlace(t *testing.T) {
	const lifecycle = module + "internal/lifecycle"
	for _, s := range sources(t, "internal", "cmd") {
		folder := filepath.ToSlash(filepath.Dir(s.name))
		for _, path := range imports(t, s) {
			switch {
			case strings.HasPrefix(path, lifecycle) && !strings.HasPrefix(folder, "internal/lifecycle"):
				require.True(t, strings.HasPrefix(folder, "cmd/"), "%s imports %s: only commands start workflows", s.name, path)
			case path == lifecycle:
				t.Errorf("%s imports %s: a domain of lifecycle knows no workflow", s.name, path)
			case path == module+"internal/stack":
				require.True(t, strings.HasPrefix(folder, "internal/lifecycle"), "%s imports %s: want package lifecycle", s.name, path)
			case strings.HasPrefix(path, "github.com/pulumi/pulumi/sdk/v3/go/auto"):
				require.Equal(t, "internal/stack", folder, "%s imports %s: want package stack", s.name, path)
			}
		}
	}
}

// Suites share the packages scenario and datavolumes, and the framework knows no suite.
func TestSuitesOfChecksImportTheFrameworkAndNotEachOther(t *testing.T) {
	const framework = "internal/check"
	seen := map[string]bool{}
	for _, s := range sources(t, framework) {
		folder := filepath.ToSlash(filepath.Dir(s.name))
		for _, path := range imports(t, s) {
			other := strings.TrimPrefix(path, module)
			switch {
			case other == framework:
				seen[folder] = true
			case strings.HasPrefix(other, framework+"/"):
				require.NotEqual(t, framework, folder, "%s imports the suite %s", s.name, other)
				require.Contains(t, []string{framework + "/scenario", framework + "/datavolumes"}, other, "%s imports another suite", s.name)
			}
		}
	}
	for _, suite := range []string{"drift", "health", "login", "scenario", "security"} {
		require.True(t, seen[framework+"/"+suite], "%s does not use the framework", suite)
	}
}

// A copied command shares flags and output with the running one.
func TestNoCommandIsCopied(t *testing.T) {
	for _, s := range sources(t, "cmd") {
		ast.Inspect(s.file, func(node ast.Node) bool {
			if assign, ok := node.(*ast.AssignStmt); ok {
				for _, value := range assign.Rhs {
					star, ok := value.(*ast.StarExpr)
					if !ok {
						continue
					}
					from, ok := star.X.(*ast.Ident)
					require.False(t, ok && from.Name == "cmd", "%s: want what it needs as arguments", s.set.Position(star.Pos()))
				}
			}
			return true
		})
	}
}

// Two stacks differ in their files alone.
func TestNoCodeAsksWhichStackItIs(t *testing.T) {
	profile := regexp.MustCompile(`(?i)^(dev|development|prod|production|staging)$`)
	// Keycloak's own words for its start modes, which a setting selects.
	startModes := map[string][]string{"components/keycloak/keycloak.go": {"production", "development"}}
	for _, s := range program(t) {
		ast.Inspect(s.file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.SelectorExpr:
				require.NotContains(t, []string{"Stack", "Project", "Organization"}, node.Sel.Name, "%s", s.set.Position(node.Pos()))
			case *ast.BasicLit:
				if text, err := strconv.Unquote(node.Value); node.Kind == token.STRING && err == nil && !slices.Contains(startModes[s.name], text) {
					require.NotRegexp(t, profile, text, "%s", s.set.Position(node.Pos()))
				}
			}
			return true
		})
	}
}

// Which children of a component count as its dependants is a race, so everything waits for a
// specific resource.
func TestDependsOnNamesResourcesAndNeverComponents(t *testing.T) {
	found := 0
	for _, s := range program(t) {
		ast.Inspect(s.file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || !named(call.Fun, "pulumi", "DependsOn") && !named(call.Fun, "container", "After") {
				return true
			}
			if s.name == "components/internal/container/container.go" {
				return true // After itself
			}
			elements := call.Args
			if named(call.Fun, "pulumi", "DependsOn") {
				list, ok := call.Args[0].(*ast.CompositeLit)
				require.True(t, ok, "%s: want the list in place, to be read here", s.set.Position(call.Pos()))
				elements = list.Elts
			}
			for _, element := range elements {
				found++
				selector, ok := element.(*ast.SelectorExpr)
				require.True(t, ok && selector.Sel.Name == "Ready", "%s: want the field Ready of a connection", s.set.Position(element.Pos()))
			}
			return true
		})
	}
	require.Positive(t, found)
}

// Options that a caller passes to a component are for the component, not for its children.
func TestChildrenGetTheirOptionsFromOnePlace(t *testing.T) {
	for _, s := range program(t) {
		if s.name == "components/childopts/childopts.go" {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				require.False(t, named(call.Fun, "pulumi", "Parent"), "%s: want childopts.Options", s.set.Position(call.Pos()))
				require.False(t, named(call.Fun, "pulumi", "Protect"), "%s: want childopts.Protected", s.set.Position(call.Pos()))
			}
			return true
		})
	}
}

// Nothing waits for an output: a preview never has one.
func TestNoComponentWaitsForAnOutput(t *testing.T) {
	for _, s := range program(t) {
		for _, path := range imports(t, s) {
			require.NotContains(t, []string{"sync", "github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"}, path, "imported by %s", s.name)
		}
		if s.name == "components/leftovers/keycloak.go" {
			continue // a hook runs in updates only, after the provider has the value
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.ChanType, *ast.GoStmt, *ast.SelectStmt:
				t.Errorf("%s: want plain code", s.set.Position(node.Pos()))
			}
			return true
		})
	}
}

func named(function ast.Expr, pkg, name string) bool {
	selector, ok := function.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == pkg
}

func TestFilesAreSmall(t *testing.T) {
	for _, s := range sources(t, "components", "config", "contract", "platform", "main.go", "cmd", "internal", "tests") {
		require.Less(t, s.lines, 300, "lines in %s", s.name)
	}
	require.Less(t, sources(t, "main.go")[0].lines, 40)
}

func TestEveryPackageHasADocComment(t *testing.T) {
	documented, packages := map[string]bool{}, []string{}
	for _, s := range sources(t, "components", "config", "contract", "platform", "cmd", "internal", "tests") {
		folder := filepath.Dir(s.name)
		packages = append(packages, folder)
		documented[folder] = documented[folder] || s.file.Doc != nil
	}
	slices.Sort(packages)
	for _, folder := range slices.Compact(packages) {
		require.True(t, documented[folder], "%s has no package documentation", folder)
		require.NotContains(t, []string{"utils", "util", "common", "helpers", "misc"}, filepath.Base(folder))
	}
}
