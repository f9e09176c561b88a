//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pullRequest is a separate repository with the files of this working copy: a base commit with
// the lab's stack file, and changes of that on top.
type pullRequest struct {
	lab    *lab
	folder string
	base   string
}

// openPullRequest commits the base.
func openPullRequest(t *testing.T, l *lab) *pullRequest {
	t.Helper()
	pr := &pullRequest{lab: l, folder: t.TempDir()}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = l.root
	names, err := list.Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(l.root, name))
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		require.NoError(t, err)
		require.True(t, info.Mode().IsRegular(), name)
		content, err := os.ReadFile(filepath.Join(l.root, name))
		require.NoError(t, err)
		to := filepath.Join(pr.folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, content, info.Mode().Perm()))
	}
	settings, err := os.ReadFile(l.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(pr.stackFile(), settings, 0o600))
	pr.git(t, "init", "--quiet")
	pr.base = pr.commit(t, "base")
	return pr
}

func (pr *pullRequest) stackFile() string {
	return filepath.Join(pr.folder, "Pulumi."+pr.lab.name+".yaml")
}

func (pr *pullRequest) git(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("git", append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "commit.gpgsign=false"}, arguments...)...)
	command.Dir = pr.folder
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

func (pr *pullRequest) commit(t *testing.T, message string) string {
	t.Helper()
	pr.git(t, "add", "--all")
	pr.git(t, "commit", "--quiet", "--message", message)
	return pr.git(t, "rev-parse", "HEAD")
}

// change makes the head equal to the base with one line of the stack file changed.
func (pr *pullRequest) change(t *testing.T, from, to string) {
	t.Helper()
	pr.git(t, "reset", "--quiet", "--hard", pr.base)
	before, err := os.ReadFile(pr.stackFile())
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(before), from), from)
	require.NoError(t, os.WriteFile(pr.stackFile(), []byte(strings.Replace(string(before), from, to, 1)), 0o600))
	pr.commit(t, "head")
	require.Equal(t, "1\t1\t"+filepath.Base(pr.stackFile()), pr.git(t, "diff", "--numstat", pr.base), "want a change of one line")
}

// preview runs what the workflow runs.
func (pr *pullRequest) preview(t *testing.T, format string) ended {
	t.Helper()
	return pr.run(t, filepath.Join(pr.folder, ".ci", "preview"), pr.base, pr.lab.name, format)
}

func (pr *pullRequest) run(t *testing.T, program string, arguments ...string) ended {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir, command.Env = pr.folder, append(os.Environ(), pr.lab.env...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	require.NotNil(t, command.ProcessState, "%v", err)
	return ended{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}
