package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// workflow is the relevant part of a file under .github/workflows.
type workflow struct {
	On          map[string]any `yaml:"on"`
	Permissions yaml.Node      `yaml:"permissions"`
	Concurrency struct {
		Cancel bool `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Jobs map[string]struct {
		Uses        string            `yaml:"uses"`
		If          string            `yaml:"if"`
		Timeout     int               `yaml:"timeout-minutes"`
		Permissions map[string]string `yaml:"permissions"`
		Steps       []struct {
			Uses string         `yaml:"uses"`
			Run  string         `yaml:"run"`
			With map[string]any `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

var (
	// pinned is an action by the hash of its commit.
	pinned = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9./_-]+@[0-9a-f]{40}$`)
	// usesLine has the version after it, for readers.
	usesLine = regexp.MustCompile(`uses: +\S+( +# v\d+\.\d+\.\d+)?`)
	// secret is a reference to one of the repository's secrets, or to all of them.
	secret = regexp.MustCompile(`secrets *[.:[]`)
)

const onlyFromHere = "github.event.pull_request.head.repo.full_name == github.repository"

// weaknesses are what an external pull request could exploit.
func weaknesses(text string) []string {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	var found []string
	unless := func(good bool, format string, arguments ...any) {
		if !good {
			found = append(found, fmt.Sprintf(format, arguments...))
		}
	}
	for event := range w.On {
		unless(slices.Contains([]string{"pull_request", "push", "schedule", "workflow_dispatch"}, event), "it runs on %s", event)
	}
	unless(len(w.On) > 0, "it never runs")
	unless(w.Permissions.Kind == yaml.MappingNode && len(w.Permissions.Content) == 0, "the token may do something in every job")
	unless(w.Concurrency.Cancel, "an older run goes on")
	unless(!secret.MatchString(text), "it uses secrets")
	for _, line := range usesLine.FindAllStringSubmatch(text, -1) {
		unless(line[1] != "", "%s has no version behind it", line[0])
	}
	longest := 60
	if _, scheduled := w.On["schedule"]; scheduled {
		longest = 360 // nothing waits for it
	}
	for name, job := range w.Jobs {
		unless(job.Timeout > 0 && job.Timeout <= longest, "job %s has no end", name)
		unless(job.Permissions != nil, "job %s does not say what its token may do", name)
		unless(job.Uses == "", "job %s is in another file", name)
		writes := false
		for scope, right := range job.Permissions {
			unless(scope == "contents" && right == "read" || scope == "pull-requests" && right == "write", "job %s may %s %s", name, right, scope)
			writes = writes || right != "read"
		}
		unless(!writes || strings.Contains(job.If, onlyFromHere), "job %s writes for a fork", name)
		for _, step := range job.Steps {
			unless(step.Uses == "" || pinned.MatchString(step.Uses), "%s is not pinned", step.Uses)
			unless(!strings.Contains(step.Run, "${{"), "job %s puts an expression into a script", name)
			if strings.HasPrefix(step.Uses, "actions/checkout@") {
				unless(!writes, "job %s writes and has the code of the pull request", name)
				unless(step.With["persist-credentials"] == false, "job %s leaves its token to the code", name)
				unless(step.With["ref"] == nil && step.With["repository"] == nil, "job %s checks out something else", name)
			}
		}
	}
	slices.Sort(found)
	return found
}

func workflows(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(inRepository(".github/workflows/*"))
	require.NoError(t, err)
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

func TestAWorkflowGivesNothingToAPullRequestFromAFork(t *testing.T) {
	found := workflows(t)
	require.Contains(t, found, "preview.yml")
	for name, text := range found {
		require.Empty(t, weaknesses(text), name)
	}
}

func TestEachWeaknessOfAWorkflowIsNoticed(t *testing.T) {
	right := workflows(t)["preview.yml"]
	for want, change := range map[string][2]string{
		"it runs on pull_request_target":                          {"\n  pull_request:\n", "\n  pull_request_target:\n"},
		"the token may do something in every job":                 {"\npermissions: {}\n", "\npermissions: write-all\n"},
		"an older run goes on":                                    {"cancel-in-progress: true", "cancel-in-progress: false"},
		"it uses secrets":                                         {"github.token", "secrets.GITHUB_TOKEN"},
		"is not pinned":                                           {"actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "actions/checkout@v7 # v7.0.1"},
		"has no version behind it":                                {" # v7.0.1", ""},
		"job comment has no end":                                  {"    timeout-minutes: 5\n", ""},
		"job preview does not say what its token may do":          {"    permissions:\n      contents: read\n", ""},
		"job preview may write contents":                          {"contents: read", "contents: write"},
		"job comment writes for a fork":                           {" && " + onlyFromHere, ""},
		"job preview leaves its token to the code":                {"          persist-credentials: false\n", ""},
		"job preview puts an expression into a script":            {`"$STACK" markdown`, `"${{ matrix.stack }}" markdown`},
		"job preview writes and has the code of the pull request": {"contents: read", "pull-requests: write"},
		"job preview checks out something else":                   {"fetch-depth: 2", "ref: main"},
	} {
		require.Equal(t, 1, strings.Count(right, change[0]), "want this once: %s", change[0])
		require.Contains(t, strings.Join(weaknesses(strings.Replace(right, change[0], change[1], 1)), "\n"), want)
	}
}

// The test on real containers and the workflow run the same steps.
func TestThePreviewOfAPullRequestIsTheScriptThatIsTested(t *testing.T) {
	require.Contains(t, workflows(t)["preview.yml"], " .ci/preview HEAD^1 ")
	tested, err := os.ReadFile(inRepository("tests/e2e/pullrequest_test.go"))
	require.NoError(t, err)
	require.Contains(t, string(tested), `".ci", "preview"`)
}

// An exemption is declared once, in a format that scanners read, and by name.
func TestEveryVEXStatementSaysWhyItDoesNotApply(t *testing.T) {
	raw, err := os.ReadFile(inRepository("security/vex/mlflow-sso.openvex.json"))
	require.NoError(t, err)
	var document struct {
		Context    string `json:"@context"`
		ID         string `json:"@id"`
		Author     string `json:"author"`
		Timestamp  string `json:"timestamp"`
		Version    int    `json:"version"`
		Statements []struct {
			Vulnerability struct{ Name string } `json:"vulnerability"`
			Products      []struct {
				ID string `json:"@id"`
			} `json:"products"`
			Status        string `json:"status"`
			Justification string `json:"justification"`
			Impact        string `json:"impact_statement"`
		} `json:"statements"`
	}
	require.NoError(t, json.Unmarshal(raw, &document))
	require.Equal(t, "https://openvex.dev/ns/v0.2.0", document.Context)
	require.NotEmpty(t, document.ID)
	require.NotEmpty(t, document.Author)
	require.Positive(t, document.Version)
	_, err = time.Parse(time.RFC3339, document.Timestamp)
	require.NoError(t, err)
	require.NotEmpty(t, document.Statements)
	for _, s := range document.Statements {
		require.Regexp(t, `^CVE-\d{4}-\d{4,}$`, s.Vulnerability.Name)
		require.NotEmpty(t, s.Products, s.Vulnerability.Name)
		require.Equal(t, "not_affected", s.Status, s.Vulnerability.Name)
		require.Contains(t, []string{
			"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
			"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist",
		}, s.Justification, s.Vulnerability.Name)
		require.NotEmpty(t, s.Impact, s.Vulnerability.Name)
	}
}
