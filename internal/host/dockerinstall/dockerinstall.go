// Package dockerinstall ensures that a Docker Engine runs on this machine.
//
// An engine that responds is used, wherever it is. Otherwise, root on a Debian machine gets
// Debian's docker.io, started by the init system, or as a separate process if there is none. An
// engine that DOCKER_HOST names is never installed or started.
package dockerinstall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/host/apt"
	"github.com/mlflow-sso/mlflow-sso/internal/host/datadir"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/poll"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/progress"
)

const (
	patience = 60 * time.Second // for an engine that was started
	title    = "Docker Engine"
)

// Ensure returns an engine that responds, which the caller closes. If it has to be started
// without an init system, its log goes to dockerd.log in the home.
func Ensure(ctx context.Context, h datadir.Home, log *progress.Log) (*engine.Engine, error) {
	var found *engine.Engine
	err := log.Step(ctx, title, func(ctx context.Context, s *progress.Step) error {
		var err error
		if found, err = engine.Open(ctx); err == nil {
			s.Skip("already there: %s at %s", found.Version, found.Host)
			return nil
		}
		if !ours(err) {
			return err
		}
		if found, err = provide(ctx, s, filepath.Join(h.Dir(), "dockerd.log")); err == nil {
			s.Say("%s at %s", found.Version, found.Host)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// ours reports whether this tool may start an engine that does not respond: not if DOCKER_HOST
// names it, and not if one exists that this user may not use.
func ours(err error) bool {
	return os.Getenv("DOCKER_HOST") == "" && errors.Is(err, engine.ErrNoDaemon) && !errors.Is(err, fs.ErrPermission)
}

// provide installs the engine if it is missing and starts it.
func provide(ctx context.Context, s *progress.Step, logFile string) (*engine.Engine, error) {
	if _, err := apt.Find("dockerd"); err != nil {
		s.Say("installing docker.io")
		if err := apt.Install(ctx, s.Writer(), "docker.io", "iptables"); err != nil {
			return nil, fmt.Errorf("no engine answers and none is installed: %w", err)
		}
		// With an init system, the package starts it.
		if found, err := engine.Open(ctx); err == nil {
			return found, nil
		}
	}
	if user := os.Geteuid(); user != 0 {
		return nil, fmt.Errorf("dockerd is installed but does not run, and this is user %d and not root; "+
			"run this as root, or ask an administrator to start it (systemctl start docker)", user)
	}
	s.Say("waiting for the previous daemon to end")
	awaitEnd(ctx, pidFile, endWithin)
	var failures []error
	for _, way := range strategies(logFile) {
		if !way.here() {
			continue
		}
		s.Say("starting it by %s", way.name)
		found, err := start(ctx, s, way)
		if err == nil {
			return found, nil
		}
		failures = append(failures, fmt.Errorf("started by %s: %w", way.name, err))
		if ctx.Err() != nil || way.only {
			break
		}
	}
	return nil, errors.Join(failures...)
}

// start starts the engine in one way and waits until it responds.
func start(ctx context.Context, s *progress.Step, way strategy) (*engine.Engine, error) {
	ended, err := way.start(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, way.logTail())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it did not answer within %s", patience))
	defer cancel()
	var found *engine.Engine
	err = poll.Until(ctx, 500*time.Millisecond, 0, func(ctx context.Context) (bool, error) {
		opened, err := engine.Open(ctx)
		if err == nil {
			found = opened
			return true, nil
		}
		select {
		case err := <-ended:
			return false, fmt.Errorf("it ended at once: %w", err)
		default:
			return false, nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, way.logTail())
	}
	return found, nil
}
