package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// retired are words of an older private vocabulary, and the terms that replace them. The
// code, its comments and the documentation use the terms of Pulumi, Docker, Keycloak and
// MLflow, so that a reader finds things by the words of those tools.
var retired = map[string]string{
	`keepers?`:                    "identity sync, backup client",
	`stewards?`:                   "access admin",
	`watchers?`:                   "sync client",
	`strangers?`:                  "unmanaged, anonymous, another user",
	`elsewhere`:                   "external",
	`pristine`:                    "realm baseline",
	`organs?`:                     "component",
	`mend(s|ed|ing)?`:             "fix",
	`t(ell|ells|old|elling)`:      "report, print, outputs",
	`settles?`:                    "reconcile",
	`turned`:                      "rotated",
	`anew`:                        "again, recreate",
	`somebody`:                    "a user, another user",
	`by hand`:                     "manually",
	`look(s|ed)? at`:              "check",
	`tak(e|es|en|ing) (it )?down`: "tear down",
}

// allowedPhrases may stay: they are part of a running stack, whose names must not change,
// or the other half of a rename.
var allowedPhrases = []string{
	// Labels from which credentials are derived.
	"keeper/client-secret", "steward/client-secret",
	// Client IDs in live realms, and a name that their graph has.
	"mlflow-keeper", "mlflow-steward", "The keeper, which sees who is in which group", `"-watcher"`,
	// Types and names in the state, and container names.
	"mlflow-sso:keeper:Keeper", "mlflow-sso:access:Steward", `New(ctx, "keeper"`, `Component:    "keeper"`, `AccessAdminType, "steward"`,
	// Environment variables of images/mlflow and images/backup, and the field of a snapshot's manifest.
	"KEEPER_", "BACKUP_ARTIFACTS_ELSEWHERE", "--arg elsewhere", "elsewhere: $elsewhere",
	// The protocol between the tool and images of other releases, the display name of an
	// account in live databases, and the actor in existing audit logs.
	`"steward": `, `"steward of the stack"`, `"actor": "keeper"`,
}

// vocabularyFolders are held to the vocabulary. The others follow: this list only grows.
var vocabularyFolders = []string{"cmd", "components", "config", "contract", "platform", "images", "internal/mlflow/probe", "internal/reference", "internal/ui/progress", "docs/reference", "tests/application"}

// exemptFiles still use retired words, or have to name them. The list only shrinks: a
// file that needs no exemption fails the test.
var exemptFiles = []string{
	// Tables of old names and their tests.
	"cmd/mlflow-sso/deprecated.go",
	"config/deprecated.go", "config/deprecated_test.go",
	"contract/outputs/deprecated.go", "contract/outputs/deprecated_test.go",
	"docs/reference/settings.md",
}

// retiredIn returns the retired words in a text, in identifiers as well as in prose.
func retiredIn(text string) (found []string) {
	for _, phrase := range allowedPhrases {
		text = strings.ReplaceAll(text, phrase, "")
	}
	// An identifier is as many words: lookAtKeeper, KEEPER_ID, turned-outputs.
	text = regexp.MustCompile(`([A-Z])([A-Z][a-z])`).ReplaceAllString(text, "$1 $2")
	text = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(text, "$1 $2")
	text = strings.NewReplacer("_", " ", "-", " ").Replace(text)
	for word, instead := range retired {
		if match := regexp.MustCompile(`(?i)\b` + word + `\b`).FindString(text); match != "" {
			found = append(found, strings.ToLower(match)+" (want "+instead+")")
		}
	}
	slices.Sort(found)
	return found
}

func TestRetiredWordsAreNotUsed(t *testing.T) {
	exempt := map[string]bool{}
	for _, file := range exemptFiles {
		exempt[file] = false
	}
	checked := 0
	for _, folder := range vocabularyFolders {
		err := filepath.WalkDir(inRepository(folder), func(path string, entry fs.DirEntry, err error) error {
			// Scripts of the images have no ending.
			if err != nil || entry.IsDir() || !slices.Contains([]string{".go", ".md", ".py", ".yaml", ".sql", ""}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(inRepository("."), path)
			if err != nil {
				return err
			}
			checked++
			found := retiredIn(name + "\n" + string(text))
			if _, listed := exempt[name]; listed {
				exempt[name] = len(found) > 0
				return nil
			}
			for _, word := range found {
				t.Errorf("%s: got the retired word %s", name, word)
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, checked, 100)
	for file, needed := range exempt {
		require.True(t, needed, "%s has no retired word, or is no file: take it off the list", file)
	}
}

func TestProjectAndStackFilesUseNoRetiredWord(t *testing.T) {
	for _, file := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Makefile"} {
		text, err := os.ReadFile(inRepository(file))
		require.NoError(t, err)
		require.Empty(t, retiredIn(string(text)), file)
	}
}

// The test sees words in identifiers, and not within other words.
func TestRetiredWordsAreFoundInIdentifiersAlone(t *testing.T) {
	for _, text := range []string{"makeKeeper", "stewardToken", "told := 1", "mend-it", "TURNED_OFF", "file/pristine_test.go", "changed by hand"} {
		require.NotEmpty(t, retiredIn(text), text)
	}
	for _, text := range []string{"a bookkeeper", "recommended", "organization", "returned", "stewardship", "mlflow-keeper", "intellect", "settlement", "IsANewHash"} {
		require.Empty(t, retiredIn(text), text)
	}
}
