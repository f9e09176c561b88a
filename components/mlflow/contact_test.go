package mlflow

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAContactIsAnAddressThatABrowserCanOpen(t *testing.T) {
	for _, good := range []string{"", "ml-platform@example.com", "https://example.com/help?team=ml"} {
		require.NoError(t, CheckContact(good), good)
	}
	for _, bad := range []string{
		"Ada", "Ada <ada@example.com>", "http://example.com", "javascript:alert(1)", "https://", "https://user:word@example.com/",
		"a@example.com\nb@example.com", "https://example.com/" + strings.Repeat("x", 200),
	} {
		require.ErrorContains(t, CheckContact(bad), "want an e-mail address", bad)
	}
}
