package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/volume"

	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// detachedVolumes are the names of the volumes that the settings have no use for, since
// what was in them is elsewhere.
func (s *Stack) detachedVolumes() []string {
	var names []string
	if s.Config.Postgres.External != nil {
		names = append(names, s.Config.Name+"-postgres-data")
	}
	if s.Config.Artifacts.S3 != nil {
		names = append(names, s.Config.Name+"-mlflow-artifacts")
	}
	return names
}

// detachVolumes lets go of such volumes where the state has them: an update would delete
// them, with data of which nobody can say whether it was moved. They stay on the
// host, and are not the stack's any more. It returns whether there was one.
func (s *Stack) detachVolumes(ctx context.Context, known *State) (bool, error) {
	var names []string
	for _, name := range s.detachedVolumes() {
		if known.Has(TypeVolume, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	s.notes = append(s.notes, "on the host, and not the stack's any more: volumes "+strings.Join(names, ", "))
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

// retaining marks volumes as ones that stay when they are removed from the state,
// and takes away the protection that would keep them in it.
func retaining(deployment json.RawMessage, names []string) (json.RawMessage, error) {
	return WithResources(deployment, func(all []Member) ([]Member, error) {
		for _, resource := range all {
			if TextOf(resource["type"]) == TypeVolume && slices.Contains(names, TextOf(resource["id"])) {
				resource["retainOnDelete"] = json.RawMessage("true")
				delete(resource, "protect")
			}
		}
		return all, nil
	})
}

// showDetached tells of a preview's volumes what an update does with them: Pulumi
// does not know that it will let them go.
func (s *Stack) showDetached(all []difference) {
	for i := range all {
		change := &all[i].change
		if change.Outcome == report.Removed && slices.Contains(s.detachedVolumes(), s.Config.Name+"-"+change.Resource) {
			change.DataLoss, change.Why = "", "from the state alone: `up` leaves it on the host"
		}
	}
}

// movesProtected explains a preview that fails over such a volume.
func (s *Stack) movesProtected(problems []string) []string {
	for i, problem := range problems {
		if names := s.detachedVolumes(); len(names) > 0 && strings.Contains(problem, "protect") {
			problems[i] = problem + "\nunless it is about another thing than " + strings.Join(names, " and ") +
				", that is no obstacle: `up` leaves a volume whose data is to be elsewhere on the host; only a preview cannot show it"
		}
	}
	return problems
}

// noteLeftVolumes notes the volumes that are left when everything else of the stack is gone.
func (s *Stack) noteLeftVolumes(ctx context.Context) error {
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
		s.notes = slices.Insert(s.notes, 0, "still here, from before their data moved: `docker volume rm "+strings.Join(names, " ")+"`")
	}
	return nil
}
