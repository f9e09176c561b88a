package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/contract/naming"
	"github.com/mlflow-sso/mlflow-sso/internal/lifecycle/external"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// detachVolumes removes such volumes from the state without deleting them: an update would delete
// them, and it is unknown whether their data was moved. They stay on the host and no longer
// belong to the stack. It returns whether there was one.
func detachVolumes(ctx context.Context, s *stack.Stack, known *stack.State) (bool, error) {
	var names []string
	for _, name := range external.ReplacedVolumes(s.Config) {
		if known.Has(stack.TypeVolume, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	s.Note("kept on the host, no longer part of the stack: volumes " + strings.Join(names, ", "))
	read, err := s.ReadState(ctx) // known may have been repaired meanwhile
	if err != nil {
		return false, err
	}
	change := func(deployment json.RawMessage) (json.RawMessage, error) { return retaining(deployment, names) }
	if err := s.WriteState(ctx, read, "change of the state", change); err != nil {
		return false, err
	}
	return true, nil
}

// retaining marks volumes so that they stay when they are removed from the state, and removes
// their protection in it.
func retaining(deployment json.RawMessage, names []string) (json.RawMessage, error) {
	return stack.WithResources(deployment, func(all []stack.Member) ([]stack.Member, error) {
		for _, resource := range all {
			if stack.TextOf(resource["type"]) == stack.TypeVolume && slices.Contains(names, stack.TextOf(resource["id"])) {
				resource["retainOnDelete"] = json.RawMessage("true")
				delete(resource, "protect")
			}
		}
		return all, nil
	})
}

// showDetached corrects a preview's volumes: Pulumi does not know that the update will detach
// them.
func showDetached(s *stack.Stack, change *report.Change) {
	if change.Outcome == report.Removed && slices.Contains(external.ReplacedVolumes(s.Config), naming.Volume(s.Config.Name, change.Resource)) {
		change.DataLoss, change.Why = "", "from the state alone: `up` leaves it on the host"
	}
}

// explainDetached explains a preview that fails because of such a volume.
func explainDetached(s *stack.Stack, problems []string) []string {
	for i, problem := range problems {
		if names := external.ReplacedVolumes(s.Config); len(names) > 0 && strings.Contains(problem, "protect") {
			problems[i] = problem + "\nif the error is about " + strings.Join(names, " and ") +
				", `up` works anyway: it leaves a volume on the host when its data moves to an external service; only a preview cannot show that"
		}
	}
	return problems
}

// noteLeftVolumes notes the volumes that remain after everything else of the stack was removed.
func noteLeftVolumes(ctx context.Context, s *stack.Stack) error {
	found, err := s.Docker.API().VolumeList(ctx, volume.ListOptions{Filters: s.OwnFilter()})
	if err != nil {
		return fmt.Errorf("list volumes: %w", err)
	}
	var names []string
	for _, v := range found.Volumes {
		names = append(names, v.Name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		// First: the end of a long line is not shown.
		s.NoteFirst("still here, from before their data moved: `docker volume rm " + strings.Join(names, " ") + "`")
	}
	return nil
}
