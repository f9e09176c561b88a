package tests

import (
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	fence     = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	code      = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)|<img src="([^"]+)"`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	unslug    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	linkText  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	generated = regexp.MustCompile(`(?s)<!-- (\w+): written by .*?<!-- end of (\w+) -->`)
)

// pending are pages that the command line's tests write from its schema and commands.
var pending = map[string]bool{"docs/reference/settings.md": true, "docs/reference/cli.md": true}

// pages returns every Markdown page of the repository, by its path in it.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(inRepository(".")), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(entry.Name(), ".") && name != "."; entry.IsDir() && (hidden || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".md" {
			text, err := os.ReadFile(inRepository(name))
			found[name] = string(text)
			return err
		}
		return nil
	}))
	require.Greater(t, len(found), 40)
	return found
}

// anchors returns GitHub's fragments of a page's headings.
func anchors(page string) []string {
	var found []string
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		plain := strings.ReplaceAll(linkText.ReplaceAllString(h[1], "$1"), "`", "")
		slug := strings.ReplaceAll(strings.ToLower(unslug.ReplaceAllString(strings.TrimSpace(plain), "")), " ", "-")
		for again, base := 1, slug; slices.Contains(found, slug); again++ {
			slug = fmt.Sprintf("%s-%d", base, again)
		}
		found = append(found, slug)
	}
	return found
}

// brokenLinks returns a page's broken relative links.
func brokenLinks(name string, all map[string]string) []string {
	var broken []string
	text := code.ReplaceAllString(fence.ReplaceAllString(all[name], ""), "")
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		target, err := url.Parse(found[1] + found[2])
		if err != nil {
			broken = append(broken, found[0])
			continue
		}
		if target.IsAbs() {
			continue
		}
		to := name
		if target.Path != "" {
			to = path.Join(path.Dir(name), target.Path)
		}
		if pending[to] {
			continue
		}
		page, isPage := all[to]
		if _, err := os.Stat(inRepository(to)); err != nil && !isPage {
			broken = append(broken, fmt.Sprintf("%s: no file %s", found[0], to))
			continue
		}
		if target.Fragment != "" && !slices.Contains(anchors(page), target.Fragment) {
			broken = append(broken, fmt.Sprintf("%s: no heading #%s in %s", found[0], target.Fragment, to))
		}
	}
	return broken
}

func TestEveryRelativeLinkInTheDocsResolves(t *testing.T) {
	all := pages(t)
	for name := range all {
		for _, broken := range brokenLinks(name, all) {
			t.Errorf("%s: %s", name, broken)
		}
	}

	// The check finds what it looks for.
	all["docs/broken.md"] = "# A `b`\n# A b\n[ok](#a-b-1) [no](#a-b-2) [no](gone.md) [no](../README.md#gone)\n```\n[ok](in-code.md)\n```\n"
	require.Len(t, brokenLinks("docs/broken.md", all), 3)
}

// oldWords are former terms of this project; readers search for the standard terms.
var oldWords = regexp.MustCompile(`(?i)\b(keeper|steward|stranger|strangers|elsewhere|whoever|nobody|mends?|mended|by hand|` +
	`take it down|takes? down|anew|looked at|looks at|look whether|tells?|told|stands?)\b`)

func TestDocsUseTheStandardTerms(t *testing.T) {
	for name, text := range pages(t) {
		prose := text
		for _, other := range []*regexp.Regexp{generated, fence, code} {
			prose = other.ReplaceAllStringFunc(prose, func(found string) string { return strings.Repeat("\n", strings.Count(found, "\n")) })
		}
		for number, line := range strings.Split(prose, "\n") {
			if word := oldWords.FindString(line); word != "" {
				t.Errorf("%s:%d: %q; the neighbouring pages and docs/glossary.md have the standard term: %s", name, number+1, word, line)
			}
		}
	}
	require.True(t, oldWords.MatchString("The keeper is told."))
}

func TestTheReadmeStaysShort(t *testing.T) {
	text, err := os.ReadFile(inRepository("README.md"))
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(text), "\n"), 200, "move details to docs/")
}

// synopses returns each package of the module with the first sentence of its documentation.
func synopses(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := inRepository(".")
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, other := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (other == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		in, err := filepath.Rel(root, filepath.Dir(name))
		if in = filepath.ToSlash(in); found[in] == "" {
			found[in] = new(doc.Package).Synopsis(file.Doc.Text())
		}
		return err
	}))
	return found
}

const (
	packagesBegin = "<!-- packages: written by `make golden` -->\n"
	packagesEnd   = "<!-- end of packages -->\n"
)

func TestTheArchitecturePageListsEveryPackageOnce(t *testing.T) {
	name := inRepository("docs/explanation/architecture.md")
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	before, rest, begins := strings.Cut(string(raw), packagesBegin)
	_, after, ends := strings.Cut(rest, packagesEnd)
	require.True(t, begins && ends, "%s has no place for the table", name)

	described := synopses(t)
	table := strings.Builder{}
	table.WriteString("| package | documentation |\n|---|---|\n")
	for _, layer := range []string{".", "images", "contract", "components", "config", "platform", "internal", "cmd", "tests"} {
		var within []string
		for in := range described {
			if top, _, _ := strings.Cut(in, "/"); top == layer {
				within = append(within, in)
			}
		}
		slices.Sort(within)
		for _, in := range within {
			assert.NotEmpty(t, described[in], "package %s has no comment", in)
			shown := in
			if in == "." {
				shown = "main.go"
			}
			_, sentence, _ := strings.Cut(strings.ReplaceAll(described[in], "|", `\|`), " ") // "Package" or "Command"
			fmt.Fprintf(&table, "| `%s` | %s |\n", shown, sentence)
			delete(described, in)
		}
	}
	require.Empty(t, described, "packages in no layer")

	wanted := before + packagesBegin + table.String() + packagesEnd + after
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(wanted), 0o644))
		t.Errorf("wrote %s: read it, then run without -update", name)
		return
	}
	require.Equal(t, wanted, string(raw), "run `make golden`")
}

func TestEveryModuleOfMLflowsImageIsOnItsPage(t *testing.T) {
	page, err := os.ReadFile(inRepository("docs/reference/mlflow-changes.md"))
	require.NoError(t, err)
	modules, err := filepath.Glob(inRepository("images/mlflow/python/mlflow_sso/[a-z]*"))
	require.NoError(t, err)
	require.NotEmpty(t, modules)
	for _, module := range modules {
		require.Contains(t, string(page), "`"+strings.TrimSuffix(filepath.Base(module), ".py")+"`")
	}
}
