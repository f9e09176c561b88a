package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
	`(some|no|any|every)body`:     "a user, another user, no user, any client, all users",
	`whoever`:                     "a user who, a client that",
	`for ever`:                    "permanently, indefinitely",
	`in vain`:                     "without success, timed out",
	`of (now|before)`:             "current, previous",
	`all the same`:                "anyway",
	`once more`:                   "again",
	`believe(s|d)?`:               "trust, use",
	`taken for`:                   "treated as",
	`by hand`:                     "manually",
	`look(s|ed)? at`:              "check",
	`tak(e|es|en|ing) (it )?down`: "tear down",
	`let(s|ting)? go of`:          "remove, detach, release",
}

// allowedPhrases may stay: they are part of a running stack, whose names must not change,
// of an interface, or the other half of a rename.
var allowedPhrases = []string{
	// Labels from which credentials are derived.
	"keeper/client-secret", "steward/client-secret",
	// Client IDs in live realms, and a name that their graph has.
	"mlflow-keeper", "mlflow-steward", "The keeper, which sees who is in which group", `"-watcher"`, `"realm-watcher`,
	// Types and names in the state, and container names.
	"mlflow-sso:keeper:Keeper", "mlflow-sso:access:Steward", `"keeper"`, `"keeper-container`, `-keeper"`, "NAME-keeper", "mlflow and keeper are healthy", `AccessAdminType, "steward"`,
	// The identity of a resource in the state.
	`identity(resource.PropertyMap) string { return "steward" }`,
	// JSON keys and values: of the access report and of the requests to the MLflow image.
	`json:"steward"`, `= "steward"`, `s.do(ctx, "steward"`,
	// JSON keys of snapshots, of a restore and of measured start-ups.
	`json:"Elsewhere"`, "artifactsElsewhere", `json:"byHand"`,
	// Environment variables of images/mlflow and images/backup, and the field of a snapshot's manifest.
	"{keeper}", "KEEPER_", "BACKUP_ARTIFACTS_ELSEWHERE", "--arg elsewhere", "elsewhere: $elsewhere",
	// The protocol between the tool and images of other releases, the display name of an
	// account in live databases, and the actor in existing audit logs.
	`"steward": `, `"steward of the stack"`, `"actor": "keeper"`,
}

// vocabulary are the files and folders that are held to the vocabulary, and the only list
// of them. Folders of internal/check follow: remove them from unheld.
var vocabulary = []string{
	"cmd", "components", "config", "contract", "platform", "internal", "tests", "bootstrap", "clients",
	"images", "docs", "README.md", "CONTRIBUTING.md", "SECURITY.md", ".ci", ".github", ".golangci.yml",
	"Makefile", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml",
}

// unheld are folders within those which are not held to the vocabulary yet, or cannot be.
var unheld = []string{
	"tests/testdata/graph", // names in the state of a stack, written by the program
}

// exemptFiles still use retired words, or have to name them. The list only shrinks: a
// file that needs no exemption fails the test.
var exemptFiles = []string{
	// Tables of old names and their tests.
	"config/deprecated.go", "config/deprecated_test.go",
	"contract/outputs/deprecated.go", "contract/outputs/deprecated_test.go",
	"docs/reference/settings.md", "internal/check/deprecated.go",
	// The lists of retired words themselves.
	"tests/vocabulary_test.go", "tests/docs_test.go",
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
	for _, root := range vocabulary {
		err := filepath.WalkDir(inRepository(root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(inRepository("."), path)
			switch {
			case err != nil:
				return err
			case entry.IsDir() && slices.Contains(unheld, name):
				return fs.SkipDir
			case !entry.Type().IsRegular():
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil || !utf8.Valid(text) { // a picture
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
	require.Greater(t, checked, 500)
	for file, needed := range exempt {
		require.True(t, needed, "%s has no retired word, or is no file: take it off the list", file)
	}
}

// The test finds words in identifiers, and not within other words.
func TestRetiredWordsAreFoundInIdentifiersAndNotInOtherWords(t *testing.T) {
	for _, text := range []string{"makeKeeper", "stewardToken", "told := 1", "mend-it", "TURNED_OFF", "file/pristine_test.go", "changed by hand", "believedNobody", "of now"} {
		require.NotEmpty(t, retiredIn(text), text)
	}
	for _, text := range []string{"a bookkeeper", "recommended", "organization", "returned", "stewardship", "mlflow-keeper", "intellect", "settlement", "IsANewHash"} {
		require.Empty(t, retiredIn(text), text)
	}
}
