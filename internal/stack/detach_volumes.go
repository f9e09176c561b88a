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

// replaced are the names of the volumes that the settings have no use for, since
// what was in them is elsewhere.
func (s *Stack) replaced() []string {
	var names []string
	if s.Config.Postgres.External != nil {
		names = append(names, s.Config.Name+"-postgres-data")
	}
	if s.Config.Artifacts.S3 != nil {
		names = append(names, s.Config.Name+"-mlflow-artifacts")
	}
	return names
}

// release lets go of such volumes where the state has them: an update would delete
// them, with data of which nobody can say whether it was moved. They stay on the
// host, and are not the stack's any more. It returns whether there was one.
func (s *Stack) release(ctx context.Context, known *state) (bool, error) {
	var names []string
	for _, name := range s.replaced() {
		if known.has(typeVolume, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	s.stays = append(s.stays, "on the host, and not the stack's any more: volumes "+strings.Join(names, ", "))
	read, err := s.readState(ctx) // known may have been repaired meanwhile
	if err != nil {
		return false, err
	}
	change := func(deployment json.RawMessage) (json.RawMessage, error) { return retaining(deployment, names) }
	if err := s.write(ctx, read, "change of the state", change); err != nil {
		return false, err
	}
	return true, nil
}

// retaining marks volumes as ones that stay when they are removed from the state,
// and takes away the protection that would keep them in it.
func retaining(deployment json.RawMessage, names []string) (json.RawMessage, error) {
	return withResources(deployment, func(all []member) ([]member, error) {
		for _, resource := range all {
			if textOf(resource["type"]) == typeVolume && slices.Contains(names, textOf(resource["id"])) {
				resource["retainOnDelete"] = json.RawMessage("true")
				delete(resource, "protect")
			}
		}
		return all, nil
	})
}

// showReleased tells of a preview's volumes what an update does with them: Pulumi
// does not know that it will let them go.
func (s *Stack) showReleased(all []difference) {
	for i := range all {
		change := &all[i].change
		if change.Outcome == report.Removed && slices.Contains(s.replaced(), s.Config.Name+"-"+change.Resource) {
			change.DataLoss, change.Why = "", "from the state alone: `up` leaves it on the host"
		}
	}
}

// movesProtected explains a preview that fails over such a volume.
func (s *Stack) movesProtected(problems []string) []string {
	for i, problem := range problems {
		if names := s.replaced(); len(names) > 0 && strings.Contains(problem, "protect") {
			problems[i] = problem + "\nunless it is about another thing than " + strings.Join(names, " and ") +
				", that is no obstacle: `up` leaves a volume whose data is to be elsewhere on the host; only a preview cannot show it"
		}
	}
	return problems
}

// noteLeft notes the volumes that are left when everything else of the stack is gone.
func (s *Stack) noteLeft(ctx context.Context) error {
	found, err := s.Docker.API().VolumeList(ctx, volume.ListOptions{Filters: s.ours()})
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
		s.stays = slices.Insert(s.stays, 0, "still here, from before their data moved: `docker volume rm "+strings.Join(names, " ")+"`")
	}
	return nil
}
