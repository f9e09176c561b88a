package tests

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program and the tool share the names of containers, volumes and networks through package
// naming.
func TestNamesOnTheHostComeFromPackageNaming(t *testing.T) {
	joined := 0
	for _, s := range sources(t, "components", "platform", "internal", "cmd") {
		ast.Inspect(s.file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok && (named(call.Fun, "naming", "Container") || named(call.Fun, "naming", "Volume") || named(call.Fun, "naming", "Network")) {
				joined++
			}
			if sum, ok := node.(*ast.BinaryExpr); ok && sum.Op == token.ADD && isDeployment(sum.X) && startsWithDash(sum.Y) {
				t.Errorf("%s: want naming.Container, Volume or Network", s.set.Position(sum.Pos()))
			}
			return true
		})
	}
	require.Greater(t, joined, 10)
}

// isDeployment reports whether an expression is the setting `name`.
func isDeployment(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "deployment"
	case *ast.SelectorExpr:
		if x.Sel.Name == "Deployment" {
			return true
		}
		switch from := x.X.(type) {
		case *ast.Ident:
			return x.Sel.Name == "Name" && from.Name == "config"
		case *ast.SelectorExpr:
			return x.Sel.Name == "Name" && (from.Sel.Name == "Config" || from.Sel.Name == "config")
		}
	}
	return false
}

func startsWithDash(x ast.Expr) bool {
	literal, ok := x.(*ast.BasicLit)
	if !ok {
		return false
	}
	text, err := strconv.Unquote(literal.Value)
	return err == nil && strings.HasPrefix(text, "-")
}

// A loop that sleeps by itself ignores the context or its time limit.
func TestOnlyPackagePollWaitsInLoops(t *testing.T) {
	allowed := map[string]string{
		"internal/poll/poll.go":              "it is the one",
		"internal/stack/events.go":           "waits once, for the last event",
		"internal/check/security/members.go": "spaces requests of an attack, and waits for nothing",
	}
	for _, s := range sources(t, "components", "platform", "internal", "cmd") {
		if _, ok := allowed[s.name]; ok {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				require.False(t, named(call.Fun, "time", "Sleep") || named(call.Fun, "time", "After"),
					"%s: want poll.Until or poll.Pause", s.set.Position(call.Pos()))
			}
			return true
		})
	}
}
