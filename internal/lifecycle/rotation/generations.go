package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlflow-sso/mlflow-sso/components/credentials"
	"github.com/mlflow-sso/mlflow-sso/contract/outputs"
	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// RejectDecrease refuses a generation lower than the stack's: the old value would become valid
// again.
func RejectDecrease(ctx context.Context, s *stack.Stack) error {
	deployed, err := s.Outputs(ctx)
	if errors.Is(err, stack.ErrNotUp) {
		return nil
	}
	if err != nil {
		return err
	}
	return rejectDecrease(deployed.CredentialVersions, s.Config.Credentials.Root, s.Config.Credentials.Generations, s.Config.IsDerivedCredential)
}

func rejectDecrease(had outputs.CredentialVersions, root int, generations map[credentials.Label]int, rotates func(credentials.Label) bool) error {
	if root < had.Root {
		return fmt.Errorf("credentials.root: got %d, want %d or more: that many root secrets the stack has had", root, had.Root)
	}
	for _, one := range had.Generations {
		label := credentials.Label(one.Label)
		if now := max(generations[label], 1); now < one.Generation && rotates(label) {
			return fmt.Errorf("credentials.generations.%s: got %d, want %d or more: the stack has had that one, and an older value is not taken again", label, now, one.Generation)
		}
	}
	return nil
}
