package engine

import (
	"strings"

	"github.com/docker/docker/api/types/container"
)

// ContainerName is the name by which a person knows a container in a list.
func ContainerName(c container.Summary) string {
	return strings.TrimPrefix(strings.Join(c.Names, " "), "/")
}
