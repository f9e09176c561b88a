package security

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// compare checks whether an accepted request has changed the named object.
func (s *sweeper) compare(ctx context.Context, t trial) error {
	if len(t.kinds) == 0 {
		return nil
	}
	now, err := s.look(ctx, s.victim, t.kinds...)
	if err != nil {
		return check.NotRun(err)
	}
	for k, is := range now {
		if was := s.before[k]; was != is {
			s.before[k] = is
			s.add("a change of another member's "+string(k)+", "+difference(was, is), t.route, t.how)
		}
	}
	return nil
}

func (s *sweeper) add(what, route, how string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.found = append(s.found, sweepFinding{what, route, how})
}

// judge evaluates the response.
func (s *sweeper) judge(planned, tried, routes int, took time.Duration) (string, error) {
	if len(s.found) > 0 {
		return "", check.Mismatch(fmt.Sprintf("%s; %d of %d requests sent", listed(s.found), tried, planned), "no data of another member in any answer, and no change")
	}
	if tried < planned {
		return "", check.NotRun(fmt.Errorf("%d of %d requests were sent within the budget of %d requests and %d minutes", tried, planned, mostTrials, mostMinutes))
	}
	if s.answered < tried*9/10 {
		return "", check.NotRun(fmt.Errorf("only %d of %d requests were answered", s.answered, tried))
	}
	said := fmt.Sprintf("%d requests to %d routes and fields show and change nothing of %d kinds of objects, in %.0f s of %d (at most %d requests)",
		s.answered, routes, len(s.before), took.Seconds(), mostMinutes*60, mostTrials)
	if len(s.victim.absent) > 0 {
		said += "; not created: " + strings.Join(s.victim.absent, ", ")
	}
	return said, nil
}

// listed returns each route once.
func listed(found []sweepFinding) string {
	const shown = 12
	var lines []string
	seen := map[string]bool{}
	for _, f := range found {
		if key := f.what + f.route; !seen[key] {
			seen[key] = true
			lines = append(lines, fmt.Sprintf("%s, by %s (%s)", f.what, f.route, f.how))
		}
	}
	more := ""
	if len(lines) > shown {
		more = fmt.Sprintf("; and %d more", len(lines)-shown)
		lines = lines[:shown]
	}
	return strings.Join(lines, "; ") + more
}

// difference shows where two texts diverge.
func difference(was, is string) string {
	at := 0
	for at < len(was) && at < len(is) && was[at] == is[at] {
		at++
	}
	const around = 40
	cut := func(text string) string { return text[max(0, min(at, len(text))-around):min(len(text), at+around)] }
	return fmt.Sprintf("%q for %q", cut(is), cut(was))
}
