package engine

import (
	"strings"

	"github.com/docker/docker/api/types/container"
)

// ContainerName returns a container's name from a list.
func ContainerName(c container.Summary) string {
	return strings.TrimPrefix(strings.Join(c.Names, " "), "/")
}
