package security

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// The generator's budget. docs/reference/security-test.md contains it, too.
const (
	mostTrials  = 6000
	mostMinutes = 3
	// trialTimeout is the time limit of one request; exceeding it is a finding.
	trialTimeout = 20 * time.Second
	// sweepers is the number of concurrent requests in read-only phases.
	sweepers = 4
)

func (c *suite) generated() []attack {
	return []attack{{
		name: "every-route-with-foreign-ids",
		tries: fmt.Sprintf("every route, field of GraphQL and OTLP export of the running server, with another member's objects in every parameter for an ID that it describes: "+
			"path, query, body, nested, lists mixed with own IDs, snake and camel case; at most %d requests and %d minutes", mostTrials, mostMinutes),
		control: "the owner reads a marker in each of these objects, before and after; the member reads their own", defence: "permissions on every resource, wherever a request names it",
		next: "check which route it was, and what images/mlflow/python does about it", within: (mostMinutes + 3) * time.Minute, run: c.sweep,
	}}
}

// sweepFinding is a request that showed or changed another user's data.
type sweepFinding struct{ what, route, how string }

// sweeper is one run of the generator.
type sweeper struct {
	*suite
	victim         *planted
	token          string
	before         map[kind]string
	mutex          sync.Mutex
	found          []sweepFinding
	hung           map[string]bool
	sent, answered int
	failures       int
}

func (c *suite) sweep(ctx context.Context) (string, error) {
	victim, attacker, err := c.sweepPeople(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	all, err := c.readCatalogue(ctx)
	if err != nil {
		return "", check.NotRun(err)
	}
	began := time.Now()
	s := &sweeper{suite: c, victim: victim, token: attacker.token, hung: map[string]bool{}}
	if s.before, err = c.look(ctx, victim); err != nil {
		return "", check.NotRun(err)
	}
	if err := showsMarkers(victim, s.before); err != nil {
		return "", check.NotRun(err)
	}
	var planned, tried int
	own := attacker
	for _, at := range []phase{reading, writing, deleting} {
		if at != reading {
			// Objects of the attacker that a phase changed or deleted are missing in the next one.
			if own, err = c.plant(ctx, c.thief, attacker.token); err != nil {
				return "", check.NotRun(err)
			}
		}
		mine, err := c.look(ctx, own)
		if err != nil {
			return "", check.NotRun(err)
		}
		if err := showsMarkers(own, mine); err != nil {
			return "", check.NotRun(err)
		}
		trials := s.trials(all, own, at)
		planned += len(trials)
		room := min(len(trials), max(0, mostTrials-s.sent))
		// Deletions get their share of the time, too, on a slow machine.
		done, err := s.try(ctx, trials[:room], began.Add(mostMinutes*time.Minute*time.Duration(at+2)/4))
		if err != nil {
			return "", err
		}
		tried += done
	}
	after, err := c.look(ctx, victim)
	if err != nil {
		return "", check.NotRun(err)
	}
	for k, was := range s.before {
		if after[k] != was {
			s.add("a change of another member's "+string(k), "one of the requests", "seen at the end")
		}
	}
	return s.judge(planned, tried, len(all.Routes)+len(all.GraphQL), time.Since(began))
}

// sweepPeople are the generator's own victim and attacker: it may end the attacker's sessions,
// and change what other attacks rely on.
func (c *suite) sweepPeople(ctx context.Context) (victim, attacker *planted, err error) {
	var two [2]*planted
	for i, role := range []string{"victim", "sweeper"} {
		who, err := c.visit.Add(ctx, role, c.stack.Realm.UserGroup)
		if err == nil {
			err = c.visit.SignIn(ctx, who)
		}
		if err != nil {
			return nil, nil, err
		}
		token, err := c.visit.Token(ctx, who)
		if err == nil {
			two[i], err = c.plant(ctx, who, token)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("create one object of each kind: %w", err)
		}
	}
	return two[0], two[1], nil
}

// showsMarkers requires the marker in every planted kind, and the kinds without which the
// generator would prove little.
func showsMarkers(p *planted, seen map[kind]string) error {
	for _, k := range []kind{kindExperiment, kindRun, kindFile, kindModel, kindPrompt, kindTrace, kindLoggedModel} {
		if p.values[k] == "" || seen[k] == "" {
			return fmt.Errorf("there is no %s to search for", k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		if !p.has(seen[k]) {
			return fmt.Errorf("the owner does not see the marker of their own %s: %.60s", k, seen[k])
		}
	}
	return nil
}

// trials are the requests of a phase.
func (s *sweeper) trials(all catalogue, own *planted, at phase) []trial {
	with := composer{own: own.values, foreign: s.victim.values, group: s.stack.Realm.UserGroup, name: s.newName()}
	var some []trial
	for _, t := range append(s.exports(own), with.plan(all)...) {
		if t.phase == at {
			some = append(some, t)
		}
	}
	return some
}

// exports are OTLP requests, whose fields are in headers.
func (s *sweeper) exports(own *planted) []trial {
	foreign := strings.TrimPrefix(s.victim.values[kindTrace], "tr-")
	export := func(how, trace, experiment, run string) trial {
		t := trial{
			route: "POST /v1/traces", how: how, phase: writing, kinds: []kind{kindTrace, kindExperiment, kindRun}, method: http.MethodPost, path: "/v1/traces", changes: true,
			body: spanOf(trace, "injected", map[string]string{"mlflow.traceTag.note": "injected"}), header: http.Header{"X-Mlflow-Experiment-Id": {experiment}},
		}
		if run != "" {
			t.header.Set("X-Mlflow-Run-Id", run)
		}
		return t
	}
	return []trial{
		export("own experiment, the other's trace", foreign, own.experiment, ""),
		export("the other's experiment and trace", foreign, s.victim.experiment, ""),
		export("the other's experiment", newTraceID(), s.victim.experiment, ""),
		export("the other's run", newTraceID(), own.experiment, s.victim.run),
	}
}

// try sends requests until the deadline, and returns how many were sent.
func (s *sweeper) try(ctx context.Context, all []trial, deadline time.Time) (int, error) {
	work := make(chan trial)
	var group sync.WaitGroup
	lanes := sweepers
	if len(all) > 0 && all[0].phase != reading {
		lanes = 1 // so that a change is attributed to one request
	}
	failed := make(chan error, lanes)
	for range lanes {
		group.Go(func() {
			for t := range work {
				if err := s.one(ctx, t); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	sent := 0
	var err error
loop:
	for _, t := range all {
		if time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
		select {
		case work <- t:
			sent++
		case err = <-failed:
			break loop
		}
	}
	close(work)
	group.Wait()
	if err == nil {
		select {
		case err = <-failed:
		default:
		}
	}
	return sent, errors.Join(err, ctx.Err())
}

func (s *sweeper) one(ctx context.Context, t trial) error {
	s.mutex.Lock()
	skip := s.hung[t.route]
	s.sent++
	s.mutex.Unlock()
	if skip {
		return nil
	}
	address := s.stack.MLflow.URL + t.path
	if t.query != "" {
		address += "?" + t.query
	}
	header := bearer(s.token)
	maps.Copy(header, t.header)
	got, slow, err := s.within(ctx, trialTimeout, request{method: t.method, url: address, header: header, body: t.body})
	switch {
	case slow:
		s.add(fmt.Sprintf("no answer within %s", trialTimeout), t.route, t.how)
		s.mutex.Lock()
		s.hung[t.route] = true
		s.mutex.Unlock()
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		// Skip a request that HTTP itself does not allow.
		s.mutex.Lock()
		s.failures++
		s.mutex.Unlock()
		return nil //nolint:nilerr // counted above
	}
	s.mutex.Lock()
	s.answered++
	s.mutex.Unlock()
	if s.victim.has(got.body) {
		s.add(fmt.Sprintf("another member's marker, with %d", got.status), t.route, t.how)
	}
	if t.changes && t.phase != reading && (got.status/100 == 2 || got.status >= http.StatusInternalServerError) {
		return s.compare(ctx, t)
	}
	return nil
}
