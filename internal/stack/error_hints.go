package stack

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// causes explain errors of Pulumi, Docker or Keycloak; the first match wins.
var causes = []struct {
	seen *regexp.Regexp
	want string
}{
	{
		regexp.MustCompile(`violates mandatory policy`),
		"a policy pack forbids this: change the settings that its message names, or ask the owner of the pack",
	},
	{
		regexp.MustCompile(`incorrect passphrase|passphrase must be set`),
		"the passphrase does not open this stack's secrets; set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE " +
			"to the one that the stack was created with, or unset both to use the one in the home directory",
	},
	{
		regexp.MustCompile(`error in compiling Go`),
		"the program in this working copy does not compile: `go build .` there shows why",
	},
	{
		regexp.MustCompile(`port is already allocated|address already in use`),
		"a port is in use by another program: stop it, or set another mlflow.port, keycloak.port or edge port (and the publicURL with it) in the stack file",
	},
	{
		regexp.MustCompile(`Pool overlaps with other one`),
		"edge.subnet overlaps with another network on this host: set another edge.subnet in the stack file, such as 10.213.72.0/24",
	},
	{
		regexp.MustCompile(`no space left on device`),
		"the disk is full: free space where Docker and the home directory keep their files, and run this again; nothing is lost",
	},
	{
		regexp.MustCompile(`Cannot connect to the Docker daemon|error during connect`),
		"the Docker daemon stopped: start it, and run this again",
	},
	{
		regexp.MustCompile(`is already in use by container`),
		"a container of this name exists that this stack does not know: choose another `name` in the stack file, or remove that container",
	},
	{
		regexp.MustCompile(`no known secret is accepted|error initializing keycloak provider|error performing login: 401|unauthorized_client|invalid_client`),
		"Keycloak does not know this stack's service account: its database was created with another root secret; " +
			"restore that stack's state, or, if no one needs the data, remove it with `mlflow-sso destroy --delete-data`; " +
			"where postgres.external is set, drop the database there and create it again",
	},
	{
		regexp.MustCompile(`(?i)delete.*protected|is protected|marked for protection`),
		"something that `protectData` protects would be deleted: set it to false in the stack file, run `mlflow-sso up`, and try again",
	},
}

// hintedError is an error with its explanation, followed by the original text.
type hintedError struct {
	meaning  string
	problems []string
	cause    error
}

func (e *hintedError) Error() string {
	text := e.meaning
	for _, p := range e.problems {
		if text != "" {
			text += "\n"
		}
		text += "  " + strings.ReplaceAll(p, "\n", "\n  ")
	}
	return text
}

func (e *hintedError) Unwrap() error { return e.cause }

// explain adds the meaning of an error of Pulumi. The error itself repeats all of Pulumi's
// output; only the errors in it are kept, if there are any.
func explain(err error, problems []string) error {
	if err == nil {
		return nil
	}
	var known *hintedError
	if errors.As(err, &known) {
		return err
	}
	all := err.Error() + "\n" + strings.Join(problems, "\n")
	e := &hintedError{problems: problems, cause: err}
	if len(problems) == 0 {
		e.problems = []string{shortened(err)}
	}
	if auto.IsConcurrentUpdateError(err) {
		e.meaning = "another update of this stack is running: wait for its end"
		return e
	}
	for _, c := range causes {
		if c.seen.MatchString(all) {
			e.meaning = c.want
			return e
		}
	}
	e.meaning = "Pulumi reports:"
	return e
}

var errorLine = regexp.MustCompile(`(?m)^\s*error: .*$`)

// shortened returns the errors in Pulumi's output, or the end of the output.
func shortened(err error) string {
	text := uncoloured(err.Error())
	if lines := errorLine.FindAllString(text, -1); len(lines) > 0 {
		return strings.TrimSpace(strings.Join(lines, "\n"))
	}
	const keep = 1500
	if len(text) > keep {
		text = "…" + strings.ToValidUTF8(text[len(text)-keep:], "")
	}
	return strings.TrimSpace(text)
}

// Hinted adds the operation before an error; the caller adds the stack.
func Hinted(what string, err error, problems []string) error {
	return fmt.Errorf("%s: %w", what, explain(err, problems))
}
