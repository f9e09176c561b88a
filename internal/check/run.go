package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// cleanupTimeout limits a check that always runs, also after an interrupt.
const cleanupTimeout = 2 * time.Minute

// slowAfter is the time until a running check is reported, and between two such reports.
const slowAfter = 8 * time.Second

// Observer follows a run. Its functions are never called concurrently; each may be nil.
type Observer struct {
	// Ended receives each result as its check ends.
	Ended func(Result)
	// Slow is called periodically while a check takes long.
	Slow func(id ID, ran time.Duration)
}

// run is one run of a suite.
type run struct {
	Suite
	observer Observer

	mu      sync.Mutex
	results []Result
	passed  map[ID]bool
	running map[ID]time.Time
}

// Run performs every check once, in order; concurrent neighbours run in parallel. When ctx ends,
// the remaining checks do not run, except for those that always run.
func (s Suite) Run(ctx context.Context, observer Observer) Report {
	r := &run{Suite: s, observer: observer, results: make([]Result, len(s.Checks)), passed: map[ID]bool{}, running: map[ID]time.Time{}}
	began := time.Now()
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(done) })
	for first := 0; first < len(s.Checks); {
		next := first + 1
		for s.Checks[first].Concurrent && next < len(s.Checks) && s.Checks[next].Concurrent {
			next++
		}
		r.together(ctx, first, next)
		first = next
	}
	close(done)
	watch.Wait()
	out := Report{Title: s.Title, Began: began, Checks: r.results}
	for _, result := range r.results {
		out.Findings = append(out.Findings, result.Findings...)
	}
	if s.Order != nil {
		out.Findings = s.Order(out.Findings)
	}
	for i := range out.Findings {
		out.Findings[i].Docs = s.Link(out.Findings[i].ID)
	}
	out.Took = time.Since(began)
	return out
}

// together runs the checks of a range in parallel.
func (r *run) together(ctx context.Context, first, next int) {
	var group sync.WaitGroup
	for i, c := range r.Checks[first:next] {
		result, ready := r.begin(ctx, c)
		if !ready {
			r.end(first+i, result)
			continue
		}
		group.Go(func() { r.end(first+i, r.perform(ctx, c)) })
	}
	group.Wait()
}

// begin reports whether a check can run, or else its result.
func (r *run) begin(ctx context.Context, c Check) (Result, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := Result{ID: c.ID, Status: StatusNotRun, Docs: r.Link(c.ID)}
	var lacking []string
	for _, need := range c.Needs {
		if !r.passed[need] {
			lacking = append(lacking, string(need))
		}
	}
	switch {
	case ctx.Err() != nil && !c.Always:
		result.Reason = "interrupted before it began"
	case len(lacking) > 0:
		result.Reason = lackingPrefix + strings.Join(lacking, " and ") + ", which did not pass"
	case c.Blocked != nil:
		result.Reason = c.Blocked()
	}
	if result.Reason == "" {
		r.running[c.ID] = time.Now()
	}
	return result, result.Reason == ""
}

func (r *run) end(i int, result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, result.ID)
	r.results[i], r.passed[result.ID] = result, result.Status == StatusPassed
	if r.observer.Ended != nil {
		r.observer.Ended(result)
	}
}

// perform runs one check within its limit.
func (r *run) perform(ctx context.Context, c Check) Result {
	limit := cmp.Or(c.Timeout, r.Timeout)
	if c.Always {
		ctx, limit = context.WithoutCancel(ctx), cmp.Or(c.Timeout, cleanupTimeout)
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	seen, err := c.Run(within)
	result := Result{ID: c.ID, Took: time.Since(began), Findings: seen.Findings, Docs: r.Link(c.ID)}
	switch {
	case err == nil && len(seen.Findings) == 0:
		result.Status, result.Detail = StatusPassed, seen.Detail
		return result
	case err == nil:
		result.Status, result.Reason = StatusFailed, fmt.Sprintf("findings: %d", len(seen.Findings))
		return result
	}
	result.Status, result.Next = StatusFailed, r.place(c.Next)
	if errors.Is(err, ErrNotRun) {
		result.Status = StatusNotRun
	}
	var m *MismatchError
	switch {
	case errors.As(err, &m):
		result.Got, result.Wanted = m.Got, m.Wanted
		// The text before the two sides names the step.
		if step, more := strings.CutSuffix(err.Error(), m.Error()); step != "" || !more {
			result.Reason = strings.TrimSuffix(step, ": ")
		}
		if m.Next != "" {
			result.Next = r.place(m.Next)
		}
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		result.Status, result.Reason, result.Next = StatusNotRun, "interrupted", ""
	case errors.Is(err, context.DeadlineExceeded) && within.Err() != nil:
		result.Reason = fmt.Sprintf("not done within %s: %v", limit, err)
	default:
		result.Reason = strings.TrimSpace(err.Error())
	}
	return result
}

func (s Suite) place(text string) string {
	if s.Places == nil {
		return text
	}
	return s.Places.Replace(text)
}

// watch reports slow checks until done is closed.
func (r *run) watch(done <-chan struct{}) {
	if r.observer.Slow == nil {
		return
	}
	ticker := time.NewTicker(slowAfter)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-ticker.C:
			r.reportSlow(now)
		}
	}
}

// reportSlow names the check that has been running longest, unless it started recently.
func (r *run) reportSlow(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var slowest ID
	for id, began := range r.running {
		if slowest == "" || began.Before(r.running[slowest]) {
			slowest = id
		}
	}
	if ran := now.Sub(r.running[slowest]); slowest != "" && ran >= slowAfter/2 {
		r.observer.Slow(slowest, ran)
	}
}
