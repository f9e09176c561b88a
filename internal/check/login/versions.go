package login

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/mlflow-sso/mlflow-sso/components/mlflow"
	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/host/engine"
	"github.com/mlflow-sso/mlflow-sso/internal/mlflow/probe"
)

// checkContainers checks the state of all containers.
func (p *proof) checkContainers(ctx context.Context) (string, error) {
	var wrong, short []string
	names := p.Stack.Containers()
	for _, name := range names {
		short = append(short, strings.TrimPrefix(name, naming.Container(p.Stack.Deployment, "")))
		state, err := p.Docker.State(ctx, name)
		if errors.Is(err, engine.ErrNoContainer) {
			wrong = append(wrong, name+" does not exist")
			continue
		}
		if err != nil {
			return "", err
		}
		if fault := judgeState(state); fault != "" {
			wrong = append(wrong, name+" is "+fault)
		}
	}
	if len(wrong) > 0 {
		return "", check.Mismatch(strings.Join(wrong, ", "), fmt.Sprintf("%d containers that run and are healthy", len(names)))
	}
	last := len(short) - 1
	return fmt.Sprintf("%s and %s are healthy", strings.Join(short[:last], ", "), short[last]), nil
}

// judgeState returns what is wrong with a container; empty if nothing is.
func judgeState(s engine.State) string {
	switch {
	case s.Ended():
		return fmt.Sprintf("%s with code %d", s.Status, s.ExitCode)
	case s.Status != container.StateRunning:
		return s.Status
	case s.Health == "":
		return "without a health check"
	case s.Health != container.Healthy:
		return s.Health
	}
	return ""
}

// checkVersions reads the package versions in MLflow's image, which may be the user's own.
func (p *proof) checkVersions(ctx context.Context) (string, error) {
	var packages []string
	for _, least := range mlflow.MinimumVersions() {
		packages = append(packages, least.Package)
	}
	versions, err := probe.JSON[[]string](ctx, p.Docker, p.Stack.MLflow.Container, probe.PackageVersions, nil, packages...)
	if err != nil {
		return "", fmt.Errorf("versions inside %s: %w", p.Stack.MLflow.Container, err)
	}
	return judgeVersions(versions)
}

func judgeVersions(versions []string) (string, error) {
	leasts := mlflow.MinimumVersions()
	if len(versions) != len(leasts) {
		return "", check.Mismatch(fmt.Sprintf("%d versions", len(versions)), fmt.Sprint(len(leasts)))
	}
	var said []string
	for i, version := range versions {
		least := leasts[i]
		if err := least.Check(version); err != nil {
			return "", check.Mismatch(least.Package+" "+version, least.Version+" or later: "+least.Why)
		}
		said = append(said, least.Package+" "+version)
	}
	return strings.Join(said, ", "), nil
}
