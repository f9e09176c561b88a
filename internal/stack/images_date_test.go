package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

func TestTheDayOfTheImagesIsWrittenAndNothingElseIsLost(t *testing.T) {
	const before = "# Ours.\nconfig:\n  mlflow-sso:name: lab # a name\n"
	for name, test := range map[string]struct{ more, want string }{
		"no images":   {"", "  mlflow-sso:images:\n    date: \"2026-11-27\"\n"},
		"empty":       {"  mlflow-sso:images:\n", "  mlflow-sso:images:\n    date: \"2026-11-27\"\n"},
		"another day": {"  mlflow-sso:images:\n    date: \"2026-01-01\" # by the nightly\n    redis: r:1\n", "  mlflow-sso:images:\n    date: \"2026-11-27\" # by the nightly\n    redis: r:1\n"},
		"other image": {"  mlflow-sso:images: {redis: \"r:1\"}\n", "  mlflow-sso:images: {redis: \"r:1\", date: \"2026-11-27\"}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withImagesDate([]byte(before+test.more), "2026-11-27")
			require.NoError(t, err)
			require.Equal(t, before+test.want, string(got))
			again, err := withImagesDate(got, "2026-11-27")
			require.NoError(t, err)
			require.Equal(t, string(got), string(again))
			var read struct {
				Config struct {
					Images map[string]any `yaml:"mlflow-sso:images"`
				} `yaml:"config"`
			}
			require.NoError(t, yaml.Unmarshal(got, &read))
			require.Equal(t, "2026-11-27", read.Config.Images["date"], "a text, and no time")
		})
	}
}

func TestAStackFileThatIsNotAMappingIsRefused(t *testing.T) {
	_, err := withImagesDate([]byte("- a\n"), "2026-11-27")
	require.ErrorContains(t, err, "got no mapping")
}
