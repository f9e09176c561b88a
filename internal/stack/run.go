package stack

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optimport"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// Changes are the numbers of resources that an update created, changed, replaced and removed, by
// Pulumi's names of the operations. Unchanged ones do not count.
type Changes map[string]int

// changed omits what Pulumi counts as the same.
func changed(counts *map[string]int) Changes {
	changes := Changes{}
	if counts != nil {
		maps.Copy(changes, *counts)
	}
	delete(changes, "same")
	return changes
}

// String returns a text such as "3 created, 1 changed".
func (c Changes) String() string {
	if len(c) == 0 {
		return "no change"
	}
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%d %s", c[op], outcome(op)))
	}
	return strings.Join(parts, ", ")
}

// Add adds the changes of another update.
func (c Changes) Add(more Changes) {
	for op, n := range more {
		c[op] += n
	}
}

// Update runs the program and applies it, within a scope. With refresh, Pulumi first reads the
// actual state.
func (s *Stack) Update(ctx context.Context, step Step, scope Scope, refresh bool) (Changes, error) {
	collector := newCollector(step)
	options := append(scope.options(s.Name), optup.EventStreams(collector.events), optup.SuppressOutputs(), optup.SuppressProgress(),
		optup.Color("never"), optup.ErrorProgressStreams(step.Writer()), optup.UserAgent("mlflow-sso"))
	if refresh {
		options = append(options, optup.Refresh())
	}
	if len(s.PolicyPacks) > 0 {
		options = append(options, optup.PolicyPacks(s.PolicyPacks...))
	}
	result, err := s.pulumi.Up(ctx, options...)
	collector.end()
	// A warning is in front: the end of a long line is not shown.
	s.notes = slices.Concat(collector.warnings, s.notes, collector.reports)
	s.addAdvice(collector.advice)
	if err != nil {
		return nil, Hinted("update", err, s.withLogs(ctx, collector.problems))
	}
	s.lastOutputs = result.Outputs
	return changed(result.Summary.ResourceChanges), nil
}

// Remove removes what the stack has created. Without data, it keeps the volumes and what decrypts
// them.
func (s *Stack) Remove(ctx context.Context, step Step, known *State, data bool) (Changes, error) {
	collector := newCollector(step)
	options := []optdestroy.Option{
		optdestroy.EventStreams(collector.events), optdestroy.SuppressOutputs(), optdestroy.SuppressProgress(), optdestroy.Color("never"),
		optdestroy.ErrorProgressStreams(step.Writer()), optdestroy.UserAgent("mlflow-sso"),
		// A container that a user removed manually cannot be removed again.
		optdestroy.Refresh(),
	}
	if kept := known.dataURNs(); !data && len(kept) > 0 {
		options = append(options, optdestroy.Exclude(kept))
	}
	result, err := s.pulumi.Destroy(ctx, options...)
	collector.end()
	if err != nil {
		return nil, Hinted("removal", err, collector.problems)
	}
	return changed(result.Summary.ResourceChanges), nil
}

// Existing is a resource that an update would create, and whose object already exists with an ID.
type Existing struct {
	Creation
	ID string
}

// Import imports existing resources into the state; what describes the operation, for an error.
func (s *Stack) Import(ctx context.Context, step Step, what string, all []Existing) error {
	read, err := s.ReadState(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, r := range read.snapshot.Resources {
		names[nameOf(string(r.URN))] = string(r.URN)
	}
	resources := make([]*optimport.ImportResource, 0, len(all))
	for _, r := range all {
		resources = append(resources, &optimport.ImportResource{Type: r.Type, Name: r.Name, ID: r.ID, Parent: r.Parent, Provider: r.Provider})
	}
	_, err = s.pulumi.ImportResources(ctx, optimport.Resources(resources), optimport.NameTable(names),
		optimport.Protect(false), optimport.GenerateCode(false), optimport.ErrorProgressStreams(step.Writer()))
	if err != nil {
		return Hinted(what, err, nil)
	}
	return nil
}

// Delete removes an empty stack from the state, and the copies of its files.
func (s *Stack) Delete(ctx context.Context) error {
	if err := s.pulumi.Workspace().RemoveStack(ctx, s.Name); err != nil {
		return Hinted("removal", err, nil)
	}
	if err := os.RemoveAll(s.mirror); err != nil {
		return fmt.Errorf("removal: %w", err)
	}
	return nil
}
