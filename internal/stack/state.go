package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Types of resources that need special care.
const (
	TypeContainer  = "docker:index/container:Container"
	TypeImage      = "docker:index/remoteImage:RemoteImage"
	TypeNetwork    = "docker:index/network:Network"
	TypeVolume     = "docker:index/volume:Volume"
	TypeRootSecret = "random:index/randomBytes:RandomBytes"
	TypeRealm      = "keycloak:index/realm:Realm"
	TypeUser       = "keycloak:index/user:User"
	TypeGroup      = "keycloak:index/group:Group"
)

// State is Pulumi's record of the stack.
type State struct {
	whole    apitype.UntypedDeployment
	snapshot apitype.DeploymentV3
}

// ReadSettledState reads the state once no other process writes it.
func (s *Stack) ReadSettledState(ctx context.Context, step Step) (*State, error) {
	if err := s.unlock(ctx, step); err != nil {
		return nil, err
	}
	return s.ReadState(ctx)
}

// ReadState reads the state of the stack.
func (s *Stack) ReadState(ctx context.Context) (*State, error) {
	whole, err := s.pulumi.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("state: %w", explain(err, nil))
	}
	read := &State{whole: whole}
	if len(whole.Deployment) == 0 {
		return read, nil
	}
	if err := json.Unmarshal(whole.Deployment, &read.snapshot); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return read, nil
}

// Of returns the resources of a type.
func (s *State) Of(kind string) []apitype.ResourceV3 {
	var found []apitype.ResourceV3
	for _, r := range s.snapshot.Resources {
		if string(r.Type) == kind && !r.Delete {
			found = append(found, r)
		}
	}
	return found
}

// IDs returns the provider's IDs of the resources of a type.
func (s *State) IDs(kind string) []string {
	var ids []string
	for _, r := range s.Of(kind) {
		ids = append(ids, string(r.ID))
	}
	return ids
}

// Has reports whether the state has a resource of the type with that ID.
func (s *State) Has(kind, id string) bool { return slices.Contains(s.IDs(kind), id) }

// HasResources reports whether any object of the stack still exists.
func (s *State) HasResources() bool {
	return slices.ContainsFunc(s.snapshot.Resources, func(r apitype.ResourceV3) bool { return r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") })
}

// Protected returns the names of resources that must not be deleted.
func (s *State) Protected() []string {
	var names []string
	for _, r := range s.snapshot.Resources {
		if r.Protect && !r.Delete {
			names = append(names, r.URN.Name())
		}
	}
	return names
}

// Interrupted returns the operations in progress when an update was killed.
func (s *State) Interrupted() []apitype.OperationV2 { return s.snapshot.PendingOperations }

// InterruptedOn reports whether an operation on a resource of the type was interrupted.
func (s *State) InterruptedOn(kind string) bool {
	return slices.ContainsFunc(s.Interrupted(), func(o apitype.OperationV2) bool { return string(o.Resource.Type) == kind })
}

// ClearInterrupted writes the state without the interrupted operations, if there are any.
func (s *Stack) ClearInterrupted(ctx context.Context, read *State) error {
	if len(read.Interrupted()) == 0 {
		return nil
	}
	return s.WriteState(ctx, read, "repair of the state", withoutCutOff)
}

// WriteState replaces a state that was read by a changed one.
func (s *Stack) WriteState(ctx context.Context, read *State, what string, change func(json.RawMessage) (json.RawMessage, error)) (err error) {
	if read.whole.Deployment, err = change(read.whole.Deployment); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := s.pulumi.Import(ctx, read.whole); err != nil {
		return Hinted(what, err, nil)
	}
	return nil
}

func withoutCutOff(deployment json.RawMessage) (json.RawMessage, error) {
	return withMembers(deployment, func(members Member) error {
		delete(members, "pending_operations")
		return nil
	})
}

// Member is a value in the serialized state, by its name.
type Member = map[string]json.RawMessage

// withMembers changes members of a state and preserves the others, including those unknown to
// this version of the SDK.
func withMembers(deployment json.RawMessage, change func(Member) error) (json.RawMessage, error) {
	var members Member
	if err := json.Unmarshal(deployment, &members); err != nil {
		return nil, err
	}
	if err := change(members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// WithResources is withMembers for the resources.
func WithResources(deployment json.RawMessage, change func([]Member) ([]Member, error)) (json.RawMessage, error) {
	return withMembers(deployment, func(members Member) error {
		var all []Member
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

// TextOf returns an empty text for other types.
func TextOf(encoded json.RawMessage) string {
	var text string
	_ = json.Unmarshal(encoded, &text)
	return text
}

// dataURNs returns the resources that contain data or decrypt it, with their parents.
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

// ImageID returns the ID of the image of that name; empty if the state has none.
func (s *State) ImageID(name string) string {
	for _, r := range s.Of(TypeImage) {
		if id, ok := r.Outputs["imageId"].(string); ok && r.Inputs["name"] == name {
			return id
		}
	}
	return ""
}

// urnOfReference returns the URN in a reference to a provider, "urn::id".
func urnOfReference(reference string) string {
	if end := strings.LastIndex(reference, "::"); end >= 0 {
		return reference[:end]
	}
	return reference
}
