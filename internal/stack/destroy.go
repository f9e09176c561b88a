package stack

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
)

// Destroy removes everything that the stack made on the Docker host. The data
// volumes, and the root secret without which nobody could open them, stay,
// unless data is true: then nothing stays, in the state neither. What is at
// services that are not the stack's is never touched. Nothing needs to answer.
func (s *Stack) Destroy(ctx context.Context, step Step, data bool) (Changes, error) {
	known, err := s.ReadSettledState(ctx, step)
	if err != nil {
		return nil, err
	}
	// Pulumi would refuse too, but only after it has taken down what is not protected.
	if protected := known.Protected(); data && len(protected) > 0 {
		return nil, fmt.Errorf("removal: `protectData` protects %s: set it to false in the stack file, run `mlflow-sso up --stack %s`, and try again; nothing was removed",
			strings.Join(protected, ", "), s.Name)
	}
	if err := s.ClearInterrupted(ctx, known); err != nil {
		return nil, err
	}
	if _, err := s.removeLeftOvers(ctx, known, step); err != nil {
		return nil, err
	}
	changes := Changes{}
	if known.HasResources() {
		if err := s.ForgetKeycloakResources(ctx, known); err != nil {
			return nil, err
		}
		if changes, err = s.destroy(ctx, step, known, data); err != nil {
			return nil, err
		}
	}
	for _, place := range s.Config.UsesExternalServices() {
		s.notes = append(s.notes, "not touched: "+place)
	}
	if !data {
		return changes, nil
	}
	if err := s.removeKeptImages(ctx); err != nil {
		return nil, err
	}
	if err := s.pulumi.Workspace().RemoveStack(ctx, s.Name); err != nil {
		return nil, Hinted("removal", err, nil)
	}
	if err := os.RemoveAll(s.mirror); err != nil {
		return nil, fmt.Errorf("removal: %w", err)
	}
	return changes, s.noteLeftVolumes(ctx)
}

func (s *Stack) destroy(ctx context.Context, step Step, known *State, data bool) (Changes, error) {
	watched := newCollector(step)
	options := []optdestroy.Option{
		optdestroy.EventStreams(watched.events), optdestroy.SuppressOutputs(), optdestroy.SuppressProgress(), optdestroy.Color("never"),
		optdestroy.ErrorProgressStreams(step.Writer()), optdestroy.UserAgent("mlflow-sso"),
		// A container that somebody removed by hand cannot be removed again.
		optdestroy.Refresh(),
	}
	if kept := known.dataURNs(); !data && len(kept) > 0 {
		options = append(options, optdestroy.Exclude(kept))
	}
	result, err := s.pulumi.Destroy(ctx, options...)
	watched.end()
	if err != nil {
		return nil, Hinted("removal", err, watched.problems)
	}
	return changed(result.Summary.ResourceChanges), nil
}

// dataURNs are the resources that hold data or open it, with what they are part of.
func (s *State) dataURNs() []string {
	parent := map[string]string{}
	for _, r := range s.snapshot.Resources {
		parent[string(r.URN)] = string(r.Parent)
	}
	var kept []string
	for _, r := range append(s.Of(TypeVolume), s.Of(TypeRootSecret)...) {
		for urn := string(r.URN); urn != ""; urn = parent[urn] {
			kept = append(kept, urn)
		}
		if r.Provider != "" {
			kept = append(kept, urnOfReference(r.Provider))
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
