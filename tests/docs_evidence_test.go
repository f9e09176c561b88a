package tests

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// A name after -run is a prefix of others, as one before an ellipsis is.
	goTestName  = regexp.MustCompile(`(-run )?\b(Test[A-Z0-9]\w+)(…)?`)
	pythonTest  = regexp.MustCompile("`(test_\\w+)(?:\\.(\\w+))?`")
	goTestFunc  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	pythonClass = regexp.MustCompile(`(?m)^class (\w+)`)
)

// evidence are the names of all Go tests, and the classes of each Python test module.
func evidence(t *testing.T) (tests map[string]bool, modules map[string][]string) {
	t.Helper()
	tests, modules = map[string]bool{}, map[string][]string{}
	for _, root := range []string{"bootstrap", "clients", "cmd", "components", "config", "contract", "images", "internal", "platform", "tests"} {
		require.NoError(t, filepath.WalkDir(inRepository(root), func(path string, entry fs.DirEntry, err error) error {
			name := filepath.Base(path)
			isGo, isPython := strings.HasSuffix(name, "_test.go"), strings.HasPrefix(name, "test_") && strings.HasSuffix(name, ".py")
			if err != nil || entry.IsDir() || !isGo && !isPython {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if isGo {
				for _, found := range goTestFunc.FindAllStringSubmatch(string(text), -1) {
					tests[found[1]] = true
				}
				return nil
			}
			classes := []string{}
			for _, found := range pythonClass.FindAllStringSubmatch(string(text), -1) {
				classes = append(classes, found[1])
			}
			modules[strings.TrimSuffix(name, ".py")] = classes
			return nil
		}))
	}
	return tests, modules
}

// missingEvidence returns the tests that a page names and that do not exist.
func missingEvidence(page string, tests map[string]bool, modules map[string][]string) (missing []string) {
	for _, found := range pythonTest.FindAllStringSubmatch(page, -1) {
		classes, ok := modules[found[1]]
		if !ok || found[2] != "" && !slices.Contains(classes, found[2]) {
			missing = append(missing, strings.Trim(found[0], "`"))
		}
	}
	for _, found := range goTestName.FindAllStringSubmatch(pythonTest.ReplaceAllString(page, ""), -1) {
		name, begins := found[2], found[1] != "" || found[3] != ""
		isBegin := func(test string) bool { return strings.HasPrefix(test, name) }
		if name == "TestXNeverY" || tests[name] || begins && slices.ContainsFunc(slices.Collect(maps.Keys(tests)), isBegin) {
			continue // the first is a name's format
		}
		missing = append(missing, name)
	}
	return missing
}

// A page that names a test as evidence names an existing one, also after a rename.
func TestEveryTestThatTheDocsNameExists(t *testing.T) {
	tests, modules := evidence(t)
	named := 0
	for name, text := range pages(t) {
		named += len(goTestName.FindAllString(text, -1))
		for _, missing := range missingEvidence(text, tests, modules) {
			t.Errorf("%s: got the test %s, which does not exist", name, missing)
		}
	}
	require.Greater(t, named, 50)

	// The check finds what it looks for.
	const page = "TestRetiredWordsAreNotUsed TestRetired TestGone -run TestRetired -run TestGone `test_plugin` `test_gone` `test_origin_check.TestOrigin` `test_origin_check.Gone`"
	require.Equal(t, []string{"test_gone", "test_origin_check.Gone", "TestRetired", "TestGone", "TestGone"}, missingEvidence(page, tests, modules))
}
