package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/stack"
)

// Destroy removes everything that the stack created on the Docker host. It keeps the data
// volumes, and the root secret that decrypts them, unless data is true: then nothing stays, also
// in the state. It never touches external services, and does not need any service to run.
func Destroy(ctx context.Context, s *stack.Stack, step stack.Step, data bool) (stack.Changes, error) {
	d := &destroy{s: s, step: step, data: data, changes: stack.Changes{}}
	if err := perform(ctx, d.actions()); err != nil {
		return nil, err
	}
	return d.changes, nil
}

// destroy is one run of the workflow.
type destroy struct {
	s       *stack.Stack
	step    stack.Step
	data    bool
	known   *stack.State
	changes stack.Changes
}

// actions are all steps of a removal, in order.
func (d *destroy) actions() []Action {
	exists := func() bool { return d.known.HasResources() }
	withData := func() bool { return d.data }
	return []Action{
		{Name: "read the state, and refuse to remove what is protected", Do: d.read},
		{Name: "clear up after an interrupted update", Do: func(ctx context.Context) error { return d.s.ClearInterrupted(ctx, d.known) }},
		{Name: "remove containers and networks that the state does not know", Do: func(ctx context.Context) error {
			_, err := removeLeftOvers(ctx, d.s, d.known, d.step)
			return err
		}},
		{Name: "forget what exists inside Keycloak", When: exists, Do: func(ctx context.Context) error { return d.s.ForgetKeycloakResources(ctx, d.known) }},
		{Name: "remove what the state has", When: exists, Do: func(ctx context.Context) (err error) {
			d.changes, err = d.s.Remove(ctx, d.step, d.known, d.data)
			return err
		}},
		{Name: "note what external services keep", Do: d.noteExternal},
		{Name: "remove the images of a rollback point", When: withData, Do: func(ctx context.Context) error { return removeKeptImages(ctx, d.s) }},
		{Name: "delete the stack from the state", When: withData, Do: func(ctx context.Context) error { return d.s.Delete(ctx) }},
		{Name: "note volumes that are left", When: withData, Do: func(ctx context.Context) error { return noteLeftVolumes(ctx, d.s) }},
	}
}

func (d *destroy) read(ctx context.Context) (err error) {
	if d.known, err = d.s.ReadSettledState(ctx, d.step); err != nil {
		return err
	}
	// Pulumi would also refuse, but only after removing everything that is not protected.
	if protected := d.known.Protected(); d.data && len(protected) > 0 {
		return fmt.Errorf("removal: `protectData` protects %s: set it to false in the stack file, run `mlflow-sso up --stack %s`, and try again; nothing was removed",
			strings.Join(protected, ", "), d.s.Name)
	}
	return nil
}

func (d *destroy) noteExternal(context.Context) error {
	for _, place := range d.s.Config.UsesExternalServices() {
		d.s.Note("not changed: " + place)
	}
	return nil
}
