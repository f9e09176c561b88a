package stack

import (
	"context"
	"encoding/json"
	"fmt"
)

// ContainerEnv returns the variables of each container in the state, by the container's name.
// Many are secrets.
func (s *Stack) ContainerEnv(ctx context.Context) (map[string]map[string]string, error) {
	read, err := s.ReadState(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]string{}
	for _, r := range read.Of(TypeContainer) {
		name, _ := r.Inputs["name"].(string)
		written := read.variables(string(r.URN))
		// Without a secret among them they are a plain list.
		if list, ok := r.Inputs[environment].([]any); ok {
			encoded, err := json.Marshal(list)
			if err != nil {
				return nil, fmt.Errorf("environment of %s: %w", name, err)
			}
			written = variables(string(encoded))
		}
		if len(written) > 0 {
			all[name] = written
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("stack %q: the state has no plain-text environment of a container; run `mlflow-sso up --stack %s`", s.Name, s.Name)
	}
	return all, nil
}
