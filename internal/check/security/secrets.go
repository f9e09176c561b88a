package security

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
)

// secret is a value that must not leak, and its owner.
type secret struct {
	whose string
	value []byte
}

// lengthOfSecret is the length of every credential derived from the root secret.
const lengthOfSecret = 43

// collect returns the stack's secrets: those in its outputs, and those in its containers'
// environments.
func (c *suite) collect(ctx context.Context) ([]secret, error) {
	if c.secrets != nil {
		return c.secrets, nil
	}
	var all []secret
	add := func(whose, value string) {
		if len(value) >= 12 && !slices.ContainsFunc(all, func(s secret) bool { return string(s.value) == value }) {
			all = append(all, secret{whose, []byte(value)})
		}
	}
	add("Keycloak's administrator", c.stack.Keycloak.Admin.Password)
	add("Keycloak's service account", c.stack.Keycloak.Provider.Secret)
	for _, user := range c.stack.DemoUsers {
		add(user.Username, user.Password)
	}
	for _, name := range c.stack.Containers() {
		seen, err := c.docker.API().ContainerInspect(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, pair := range seen.Config.Env {
			if key, value, _ := strings.Cut(pair, "="); len(value) == lengthOfSecret && !strings.ContainsAny(value, " /:.") {
				add(key+" of "+name, value)
			}
		}
	}
	const least = 8
	if len(all) < least {
		return nil, fmt.Errorf("got %d secrets to search for, want at least %d", len(all), least)
	}
	c.secrets = all
	return all, nil
}

// found returns the secrets in a text, and their place.
func found(all []secret, where string, content []byte) []string {
	var names []string
	for _, s := range all {
		if bytes.Contains(content, s.value) {
			names = append(names, "that of "+s.whose+" in "+where)
		}
	}
	return names
}

// judgeSecrets evaluates each of these attacks.
func judgeSecrets(leaks []string, searched string, all []secret) (string, error) {
	if len(leaks) > 0 {
		return "", check.Mismatch("a secret: "+strings.Join(slices.Compact(leaks), ", "), "none")
	}
	return fmt.Sprintf("none of %d secrets is in %s", len(all), searched), nil
}

func (c *suite) secretsInLabels(ctx context.Context) (string, error) {
	all, err := c.collect(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	list, err := c.neighboursOf(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	var leaks []string
	control := 0
	for _, one := range list {
		seen, err := c.docker.API().ContainerInspect(ctx, one.ID)
		if err != nil {
			return "", check.NotRun(err)
		}
		// Environments contain secrets, so the same search must find them.
		environment, err := json.Marshal(seen.Config.Env)
		if err != nil {
			return "", err
		}
		control += len(found(all, "", environment))
		seen.Config.Env = nil
		text, err := json.Marshal(seen)
		if err != nil {
			return "", err
		}
		if !bytes.Contains(text, []byte(strings.TrimPrefix(seen.Name, "/"))) {
			return "", check.NotRun(fmt.Errorf("the inspection of %s does not hold its name", seen.Name))
		}
		leaks = append(leaks, found(all, "the inspection of "+strings.TrimPrefix(seen.Name, "/"), text)...)
	}
	if control == 0 {
		return "", check.NotRun(errors.New("the search finds no secret in any environment either"))
	}
	return judgeSecrets(leaks, fmt.Sprintf("the inspection of %d containers, outside of environments", len(list)), all)
}

func (c *suite) secretsInLogs(ctx context.Context) (string, error) {
	all, err := c.collect(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	list, err := c.neighboursOf(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	planted := c.newName()
	if _, err := c.ask(ctx, request{method: http.MethodGet, url: c.stack.MLflow.URL + api + planted}); err != nil {
		return "", check.NotRun(err)
	}
	var leaks []string
	for _, one := range list {
		name := strings.TrimPrefix(one.Names[0], "/")
		last, err := c.readLog(ctx, one.ID, name, planted, all)
		// A line takes a moment to reach the log.
		for try := 0; err == nil && name == c.stack.MLflow.Container && !last.control && try < 20; try++ {
			if err = poll.Pause(ctx, 500*time.Millisecond); err != nil {
				break
			}
			last, err = c.readLog(ctx, one.ID, name, planted, all)
		}
		if err != nil {
			return "", check.NotRun(err)
		}
		if name == c.stack.MLflow.Container && !last.control {
			return "", check.NotRun(fmt.Errorf("the log of %s does not contain a request that was just sent", name))
		}
		leaks = append(leaks, last.leaks...)
	}
	return judgeSecrets(leaks, fmt.Sprintf("the logs of %d containers", len(list)), all)
}

// readLog searches a container's whole log.
func (c *suite) readLog(ctx context.Context, id, name, planted string, all []secret) (*tail, error) {
	stream, err := c.docker.API().ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, err
	}
	read := &tail{all: append([]secret{{"control", []byte(planted)}}, all...), where: "the log of " + name}
	_, err = stdcopy.StdCopy(read, read, stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", name, err)
	}
	return read, nil
}

func (c *suite) secretsInState(ctx context.Context) (string, error) {
	all, err := c.collect(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	at, err := datadir.Open()
	if err != nil {
		return "", check.NotRun(err)
	}
	var leaks []string
	named, files := false, 0
	err = filepath.WalkDir(at.State(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a lock, or another stack's history
		}
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		unpacked, err := plain(file)
		if err != nil {
			return err
		}
		last := &tail{all: append([]secret{{"control", []byte(c.stack.Deployment)}}, all...), where: filepath.Base(path)}
		_, err = io.Copy(last, unpacked)
		files++
		named = named || last.control
		leaks = append(leaks, last.leaks...)
		return err
	})
	if err == nil && !named {
		err = fmt.Errorf("none of %d files of the state names %s; is this the machine on which the stack was brought up?", files, c.stack.Deployment)
	}
	if err != nil {
		return "", check.NotRun(err)
	}
	return judgeSecrets(leaks, fmt.Sprintf("%d files of the state", files), all)
}

// tail searches what is written to it for secrets, across the boundaries of its parts.
type tail struct {
	all    []secret
	where  string
	rest   []byte
	length int64
	leaks  []string
	// control reports whether the planted "control" was found.
	control bool
}

// Write never fails.
func (t *tail) Write(part []byte) (int, error) {
	t.length += int64(len(part))
	text := slices.Concat(t.rest, part)
	for _, s := range t.all {
		if !bytes.Contains(text, s.value) {
			continue
		}
		if s.whose == "control" {
			t.control = true
		} else if leak := "that of " + s.whose + " in " + t.where; !slices.Contains(t.leaks, leak) {
			t.leaks = append(t.leaks, leak)
		}
	}
	longest := 0
	for _, s := range t.all {
		longest = max(longest, len(s.value))
	}
	t.rest = bytes.Clone(text[max(0, len(text)-longest):])
	return len(part), nil
}

// plain returns a stream, decompressed if it is gzip.
func plain(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, partOfLayer)
	if begin, _ := buffered.Peek(2); bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		return gzip.NewReader(buffered)
	}
	return buffered, nil
}
