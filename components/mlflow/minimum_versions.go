package mlflow

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// MinimumVersion is the oldest permitted version of a Python package, and the reason.
type MinimumVersion struct{ Package, Version, Why string }

// MinimumVersions are the oldest permitted versions of the image's packages.
func MinimumVersions() []MinimumVersion {
	return []MinimumVersion{
		{"mlflow", "3.10.0", "the plugin's permissions do not cover what older ones serve"},
		{"mlflow-oidc-auth", "7.12.2", "older ones accept unsigned tokens, so that anyone could be an administrator"},
	}
}

// Check returns an error if a version is too old.
func (l MinimumVersion) Check(version string) error {
	// A suffix of a Python version, such as rc1, does not make it older here.
	numbers := regexp.MustCompile(`^\d+(\.\d+){0,2}`).FindString(version)
	if numbers == "" || semver.Compare("v"+numbers, "v"+l.Version) < 0 {
		return fmt.Errorf("%s is %q, want %s or later: %s", l.Package, version, l.Version, l.Why)
	}
	return nil
}

var pinned = regexp.MustCompile(`(?m)^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)`)

// CheckRequirements reads the lock file of the image's Python packages, and reports each that is
// too old or missing.
func CheckRequirements(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("versions in MLflow's image: %w", err)
	}
	versions := map[string]string{}
	for _, found := range pinned.FindAllStringSubmatch(string(content), -1) {
		versions[strings.ToLower(found[1])] = found[2]
	}
	var errs []error
	for _, least := range MinimumVersions() {
		if err := least.Check(versions[least.Package]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(errs...)
}
