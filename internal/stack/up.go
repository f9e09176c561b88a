package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// Changes are how many resources an update made, changed, replaced and removed,
// by Pulumi's names of these. What stayed as it was does not count.
type Changes map[string]int

// changed leaves out what Pulumi counts as the same.
func changed(counts *map[string]int) Changes {
	changes := Changes{}
	if counts != nil {
		maps.Copy(changes, *counts)
	}
	delete(changes, "same")
	return changes
}

// String is such as "3 created, 1 changed".
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

func (c Changes) Add(more Changes) {
	for op, n := range more {
		c[op] += n
	}
}

// Up brings the stack up, or to what its settings say now. What an earlier
// update that was cut off has left is cleared up first. With refresh, what
// somebody has changed by hand is set back, too.
func (s *Stack) Up(ctx context.Context, step Step, refresh bool) (Changes, error) {
	if err := s.preflight(ctx); err != nil {
		return nil, err
	}
	found, err := s.recoverInterrupted(ctx, step)
	if err != nil {
		return nil, err
	}
	if err := s.rejectGenerationDecrease(ctx); err != nil {
		return nil, err
	}
	elsewhere, err := s.probeExternal(ctx, step, found.known)
	if err != nil {
		return nil, err
	}
	released, err := s.detachVolumes(ctx, found.known)
	if err != nil {
		return nil, err
	}
	found.refresh = found.refresh || refresh
	total := Changes{}
	done, err := s.rotateRootSecret(ctx, step, found.known)
	if err != nil {
		return nil, err
	}
	total.Add(done)
	if err := s.rotateProviderSecret(ctx, step); err != nil {
		return nil, err
	}
	inherits := found.behind && (found.kept || elsewhere)
	moved := released && s.Config.Postgres.External != nil
	listed := s.newlyListed(found.known)
	blind := false
	if found.refresh || listed {
		if blind, err = s.refreshImpossible(ctx); err != nil {
			return nil, err
		}
	}
	if inherits || moved || found.down || blind {
		// What is inside Keycloak can be compared with the state only once Keycloak answers,
		// and takes the secret with which the state asks. Who is told of what is in it waits, too.
		step.Say("Keycloak first, and then what is in it")
		if done, err = s.update(ctx, step, found.refresh, optup.Exclude(s.insideKeycloak()), optup.ExcludeDependents()); err != nil {
			return nil, err
		}
		total.Add(done)
		found.refresh = refresh
		if err := s.rotateProviderSecret(ctx, step); err != nil {
			return nil, err
		}
	}
	switch {
	case inherits:
		if err := s.importExisting(ctx, step); err != nil {
			return nil, err
		}
	case listed:
		// Somebody may be in Keycloak already: a person whom an administrator has made
		// keeps password and place.
		if err := s.importExisting(ctx, step); err != nil {
			return nil, err
		}
	case moved:
		// Keycloak has found another database: what the state has of its inside is
		// looked for there before it is believed.
		found.refresh = true
	}
	if done, err = s.update(ctx, step, found.refresh); err != nil {
		return nil, err
	}
	total.Add(done)
	if err := s.WaitReady(ctx, step); err != nil {
		return nil, err
	}
	done, err = s.reconcileAdminRealm(ctx, step)
	total.Add(done)
	if err != nil {
		return total, err
	}
	done, err = s.reconcileUsers(ctx, step)
	total.Add(done)
	if err := errors.Join(err, s.rewrapGatewayKeys(ctx, step), s.ensureBackupKey(ctx, step)); err != nil {
		return total, err
	}
	return total, s.saveLastSettings()
}

// insideKeycloak is what stands there, as Pulumi names it.
func (s *Stack) insideKeycloak() []string {
	return []string{"urn:pulumi:" + s.Name + "::**$keycloak:**"}
}

func (s *Stack) update(ctx context.Context, step Step, refresh bool, options ...optup.Option) (Changes, error) {
	watched := newCollector(step)
	options = append(options, optup.EventStreams(watched.events), optup.SuppressOutputs(), optup.SuppressProgress(), optup.Color("never"),
		optup.ErrorProgressStreams(step.Writer()), optup.UserAgent("mlflow-sso"))
	if refresh {
		options = append(options, optup.Refresh())
	}
	result, err := s.pulumi.Up(ctx, options...)
	watched.end()
	if err != nil {
		return nil, Hinted("update", err, s.withLogs(ctx, watched.problems))
	}
	s.lastOutputs = result.Outputs
	return changed(result.Summary.ResourceChanges), nil
}
