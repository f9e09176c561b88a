package stack

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
)

// Volume is a volume in the state.
type Volume struct {
	Name, Driver string
	Options      map[string]string
	Labels       map[string]string
}

// Deployment is the value of the deployment's label; empty for a volume that was accepted
// without it.
func (v Volume) Deployment() string { return v.Labels[naming.Deployment] }

// Volumes returns those of the state, by name.
func (s *State) Volumes() []Volume {
	var all []Volume
	for _, r := range s.Of(TypeVolume) {
		v := Volume{Name: string(r.ID), Options: map[string]string{}, Labels: map[string]string{}}
		v.Driver, _ = r.Outputs["driver"].(string)
		options, _ := r.Outputs["driverOpts"].(map[string]any)
		for name, value := range options {
			v.Options[name], _ = value.(string)
		}
		labels, _ := r.Outputs["labels"].([]any)
		for _, entry := range labels {
			label, _ := entry.(map[string]any)
			key, _ := label["label"].(string)
			v.Labels[key], _ = label["value"].(string)
		}
		all = append(all, v)
	}
	return all
}

// AcceptWithoutLabels records in the state that volumes have no labels.
func (s *Stack) AcceptWithoutLabels(ctx context.Context, names []string) error {
	read, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	return s.WriteState(ctx, read, "change of the state", func(deployment json.RawMessage) (json.RawMessage, error) {
		return withoutLabels(deployment, names)
	})
}

func withoutLabels(deployment json.RawMessage, names []string) (json.RawMessage, error) {
	return WithResources(deployment, func(all []Member) ([]Member, error) {
		for _, r := range all {
			if TextOf(r["type"]) != TypeVolume || !slices.Contains(names, TextOf(r["id"])) {
				continue
			}
			for _, side := range []string{"inputs", "outputs"} {
				var values Member
				if err := json.Unmarshal(r[side], &values); err != nil {
					return nil, err
				}
				values["labels"] = json.RawMessage("[]")
				// Pulumi's bridge to the Docker provider applies this to the outputs, and panics where it names
				// a label that is gone. It computes it again.
				delete(values, "__pulumi_raw_state_delta")
				var err error
				if r[side], err = json.Marshal(values); err != nil {
					return nil, err
				}
			}
		}
		return all, nil
	})
}
