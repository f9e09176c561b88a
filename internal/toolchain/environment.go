package toolchain

import (
	"os"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/home"
)

// Installed is the toolchain in the home, as Ensure has left it there: nothing
// is looked at or built.
func Installed(h home.Home) *Toolchain {
	return &Toolchain{Root: h.Toolchain(), PulumiHome: h.Pulumi(), Environment: additions(h)}
}

// additions are what the environment of the toolchain has that the caller's has
// not: the language host compiles the program, and a compiler needs a place for
// its cache.
func additions(h home.Home) map[string]string {
	caller := map[string]bool{}
	for _, pair := range os.Environ() {
		caller[pair] = true
	}
	added := map[string]string{}
	for _, pair := range environment(os.Environ(), h.Toolchain(), h.Pulumi()) {
		if name, value, _ := strings.Cut(pair, "="); !caller[pair] {
			added[name] = value
		}
	}
	return added
}
