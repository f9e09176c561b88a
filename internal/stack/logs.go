package stack

import (
	"bytes"
	"context"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// withLogs adds the end of a container's log to an error about it: the provider only reports that
// it did not become healthy.
func (s *Stack) withLogs(ctx context.Context, problems []string) []string {
	for i, p := range problems {
		name, ok := containerIn(p)
		if !ok {
			continue
		}
		if said := s.lastLines(ctx, naming.Container(s.Config.Name, name)); said != "" {
			problems[i] = p + "\nthe container's last lines:\n" + said
		}
	}
	return problems
}

func containerIn(problem string) (string, bool) {
	resource, _, _ := strings.Cut(problem, ":")
	return strings.CutSuffix(resource, "-container")
}

func (s *Stack) lastLines(ctx context.Context, name string) string {
	stream, err := s.Docker.API().ContainerLogs(ctx, name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "8"})
	if err != nil {
		return ""
	}
	defer func() { _ = stream.Close() }()
	var both bytes.Buffer
	if _, err := stdcopy.StdCopy(&both, &both, stream); err != nil {
		return ""
	}
	return strings.TrimSpace(both.String())
}
