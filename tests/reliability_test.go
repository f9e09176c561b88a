package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The suite that injects the faults needs Docker and half an hour; this test checks without them
// that its page reports the same faults.
func TestThePageOnFaultsHasARowForEachFaultThatTheSuiteMakes(t *testing.T) {
	var made []string
	for _, name := range []string{"faults_test.go", "daemon_test.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), inRepository("tests/chaos/"+name), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			var value ast.Expr
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "name" {
					value = n.Value
				}
			case *ast.ValueSpec:
				if n.Names[0].Name == "daemonFault" {
					value = n.Values[0]
				}
			}
			if literal, ok := value.(*ast.BasicLit); ok {
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				made = append(made, text)
			}
			return true
		})
	}
	require.GreaterOrEqual(t, len(made), 13)
	page, err := os.ReadFile(inRepository("docs/reference/reliability.md"))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(page), "<!-- faults: ")
	table, _, ends := strings.Cut(rest, "<!-- end of faults -->")
	require.True(t, ends)
	var listed []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if name, ok := strings.CutPrefix(cells[0], "| "); ok && name != "fault" {
			listed = append(listed, name)
			if cells[1] == "not made yet" {
				continue
			}
			require.Equal(t, []string{"0", "0 |\n"}, cells[len(cells)-2:], "lost and half there: %s", name)
		}
	}
	require.Equal(t, made, listed)
}
