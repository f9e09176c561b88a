// Package checktest has assertions for tests of checks.
package checktest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// RequireMismatch requires a [check.MismatchError] whose observation contains a text.
func RequireMismatch(t *testing.T, err error, got string) {
	t.Helper()
	var m *check.MismatchError
	require.ErrorAs(t, err, &m)
	require.Contains(t, m.Got, got)
	require.NotEmpty(t, m.Wanted)
}
