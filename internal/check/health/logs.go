package health

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

const (
	// logsWithin limits the time to read one log; the rest is omitted.
	logsWithin = 3 * time.Second
	// logsSince is how far back a log is read, in Docker's notation.
	logsSince = "10m"
	logsTail  = "400"
	longest   = 240
)

// logLines are log lines that belong to a finding. They are additional evidence, and never a
// finding by themselves: a line remains after its cause has been fixed.
var logLines = map[check.ID]*regexp.Regexp{
	RolePassword:        regexp.MustCompile(`password authentication failed`),
	RoleLocked:          regexp.MustCompile(`not permitted to log in`),
	RoleMissing:         regexp.MustCompile(`role ".*" does not exist|password authentication failed`),
	DatabaseMissing:     regexp.MustCompile(`database ".*" does not exist`),
	ContainerExited:     regexp.MustCompile(`(?i)error|fatal|empty:|want `),
	ContainerRestarting: regexp.MustCompile(`(?i)error|fatal|empty:|want `),
	ContainerUnhealthy:  regexp.MustCompile(`(?i)error|fatal|refused`),
	DatabaseRefuses:     regexp.MustCompile(`OperationalError|psycopg`),
	RedisRefuses:        regexp.MustCompile(`redis\S*Error|Redis is (?:away|down)|(?i)error.*redis`),
	KeycloakUnreachable: regexp.MustCompile(`ConnectError|ConnectionRefused|Connection refused`),
	LoginRefused:        regexp.MustCompile(`type="LOGIN_ERROR"|invalid_client|Traceback`),
}

// addLogs adds to each finding a matching line of its container's log.
func (d *doctor) addLogs(ctx context.Context, found []Finding) {
	read := map[Component][]byte{}
	for i := range found {
		f := &found[i]
		line, name := logLines[f.ID], d.container(f.Component)
		if line == nil || name == "" || f.ID == ContainerMissing {
			continue
		}
		if _, ok := read[f.Component]; !ok {
			read[f.Component] = d.log(ctx, name)
		}
		f.Log = lastMatch(read[f.Component], line)
	}
}

func (d *doctor) log(ctx context.Context, name string) []byte {
	return d.logSince(ctx, name, logsSince, logsTail)
}

// logSince returns the log since a time in Docker's notation: all of it, or a number of lines.
func (d *doctor) logSince(ctx context.Context, name, since string, tail ...string) []byte {
	ctx, cancel := context.WithTimeout(ctx, logsWithin)
	defer cancel()
	stream, err := d.docker.API().ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Since: since, Tail: strings.Join(tail, "")})
	if err != nil {
		return nil
	}
	defer func() { _ = stream.Close() }()
	var both bytes.Buffer
	_, _ = stdcopy.StdCopy(&both, &both, stream)
	return both.Bytes()
}

// lastMatch returns the last matching line, truncated.
func lastMatch(log []byte, what *regexp.Regexp) (last string) {
	for line := range bytes.Lines(log) {
		if what.Match(line) {
			last = string(bytes.TrimSpace(line))
		}
	}
	if len(last) > longest {
		last = last[:longest] + "…"
	}
	return last
}
