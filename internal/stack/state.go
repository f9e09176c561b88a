package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Types of the resources that need more care than others.
const (
	typeContainer = "docker:index/container:Container"
	typeImage     = "docker:index/remoteImage:RemoteImage"
	typeNetwork   = "docker:index/network:Network"
	typeVolume    = "docker:index/volume:Volume"
	typeRoot      = "random:index/randomBytes:RandomBytes"
	typeRealm     = "keycloak:index/realm:Realm"
	typeUser      = "keycloak:index/user:User"
	typeGroup     = "keycloak:index/group:Group"
)

// state is what Pulumi has written down about the stack.
type state struct {
	whole    apitype.UntypedDeployment
	snapshot apitype.DeploymentV3
}

// readSettledState reads the state once nobody else writes it.
func (s *Stack) readSettledState(ctx context.Context, step Step) (*state, error) {
	if err := s.unlock(ctx, step); err != nil {
		return nil, err
	}
	return s.readState(ctx)
}

func (s *Stack) readState(ctx context.Context) (*state, error) {
	whole, err := s.pulumi.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("state: %w", explain(err, nil))
	}
	read := &state{whole: whole}
	if len(whole.Deployment) == 0 {
		return read, nil
	}
	if err := json.Unmarshal(whole.Deployment, &read.snapshot); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return read, nil
}

// of are the resources of a type.
func (s *state) of(kind string) []apitype.ResourceV3 {
	var found []apitype.ResourceV3
	for _, r := range s.snapshot.Resources {
		if string(r.Type) == kind && !r.Delete {
			found = append(found, r)
		}
	}
	return found
}

// ids are the provider's own names for the resources of a type.
func (s *state) ids(kind string) []string {
	var ids []string
	for _, r := range s.of(kind) {
		ids = append(ids, string(r.ID))
	}
	return ids
}

// has says whether the state knows a resource of the type by that ID.
func (s *state) has(kind, id string) bool { return slices.Contains(s.ids(kind), id) }

// made says whether anything was ever made for the stack that still is there.
func (s *state) made() bool {
	return slices.ContainsFunc(s.snapshot.Resources, func(r apitype.ResourceV3) bool { return r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") })
}

// protected are the names of what must not be deleted.
func (s *state) protected() []string {
	var names []string
	for _, r := range s.snapshot.Resources {
		if r.Protect && !r.Delete {
			names = append(names, r.URN.Name())
		}
	}
	return names
}

// cutOff are the operations that had begun when an update was killed.
func (s *state) cutOff() []apitype.OperationV2 { return s.snapshot.PendingOperations }

// cutOffOf says whether an operation on a resource of the type was cut off.
func (s *state) cutOffOf(kind string) bool {
	return slices.ContainsFunc(s.cutOff(), func(o apitype.OperationV2) bool { return string(o.Resource.Type) == kind })
}

// forget writes the state without the operations that were cut off, if there
// are any.
func (s *Stack) forget(ctx context.Context, read *state) error {
	if len(read.cutOff()) == 0 {
		return nil
	}
	return s.write(ctx, read, "repair of the state", withoutCutOff)
}

// write puts a changed state in the place of one that was read.
func (s *Stack) write(ctx context.Context, read *state, what string, change func(json.RawMessage) (json.RawMessage, error)) (err error) {
	if read.whole.Deployment, err = change(read.whole.Deployment); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := s.pulumi.Import(ctx, read.whole); err != nil {
		return because(what, err, nil)
	}
	return nil
}

func withoutCutOff(deployment json.RawMessage) (json.RawMessage, error) {
	return withMembers(deployment, func(members member) error {
		delete(members, "pending_operations")
		return nil
	})
}

// member is a value of the state as it is written, by its name.
type member = map[string]json.RawMessage

// withMembers changes members of a state and keeps the others as they are, also those that
// this version of the SDK does not know.
func withMembers(deployment json.RawMessage, change func(member) error) (json.RawMessage, error) {
	var members member
	if err := json.Unmarshal(deployment, &members); err != nil {
		return nil, err
	}
	if err := change(members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// withResources is withMembers for the resources.
func withResources(deployment json.RawMessage, change func([]member) ([]member, error)) (json.RawMessage, error) {
	return withMembers(deployment, func(members member) error {
		var all []member
		if err := json.Unmarshal(members["resources"], &all); err != nil {
			return err
		}
		rest, err := change(all)
		if err != nil {
			return err
		}
		members["resources"], err = json.Marshal(rest)
		return err
	})
}

// textOf is empty for what is no text.
func textOf(encoded json.RawMessage) string {
	var text string
	_ = json.Unmarshal(encoded, &text)
	return text
}
