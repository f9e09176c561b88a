package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Destroy removes everything that the stack made on the Docker host. The data
// volumes, and the root secret without which nobody could open them, stay,
// unless data is true: then nothing stays, in the state neither. What is at
// services that are not the stack's is never touched. Nothing needs to answer.
func Destroy(ctx context.Context, s *stack.Stack, step stack.Step, data bool) (stack.Changes, error) {
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
	if _, err := removeLeftOvers(ctx, s, known, step); err != nil {
		return nil, err
	}
	changes := stack.Changes{}
	if known.HasResources() {
		if err := s.ForgetKeycloakResources(ctx, known); err != nil {
			return nil, err
		}
		if changes, err = s.Remove(ctx, step, known, data); err != nil {
			return nil, err
		}
	}
	for _, place := range s.Config.UsesExternalServices() {
		s.Note("not touched: " + place)
	}
	if !data {
		return changes, nil
	}
	if err := removeKeptImages(ctx, s); err != nil {
		return nil, err
	}
	if err := s.Delete(ctx); err != nil {
		return nil, err
	}
	return changes, noteLeftVolumes(ctx, s)
}
