// Package availability records the results of user requests and computes downtimes from them.
//
// A user's downtime lasts from the start of a failed request to the end of the same user's next
// successful one: the user does not know earlier that it works again.
package availability

import (
	"slices"
	"sync"
	"time"
)

// Diary records the requests of users of one kind. It is safe for concurrent use.
type Diary struct {
	mutex   sync.Mutex
	entries []entry
}

type entry struct {
	user         int
	began, ended time.Time
	failure      string
}

// Note adds a request of a user, which failed unless failure is empty. A user sends one request
// at a time.
func (d *Diary) Note(user int, began, ended time.Time, failure string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.entries = append(d.entries, entry{user, began, ended, failure})
}

// Account summarizes a diary for a time.
type Account struct {
	// Away is the time in which at least one user could not work, Until when the last of it was
	// over; both are 0 if nothing failed.
	Away, Until time.Duration
	// Slowest is a user's longest wait for a successful response.
	Slowest time.Duration
	// Proper and Failed are numbers of requests, Kinds those of failures by error.
	Proper, Failed int
	Kinds          map[string]int
}

// Since summarizes all requests that ended after a time.
func (d *Diary) Since(began time.Time) Account {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	account := Account{Kinds: map[string]int{}}
	var spans [][2]time.Time
	open := map[int]time.Time{} // user to the first request that failed
	var last time.Time
	for _, e := range d.entries {
		if e.ended.Before(began) {
			continue
		}
		if e.ended.After(last) {
			last = e.ended
		}
		since, ok := open[e.user]
		switch {
		case e.failure != "":
			account.Failed++
			account.Kinds[e.failure]++
			if !ok {
				open[e.user] = later(e.began, began)
			}
			continue
		case ok:
			spans = append(spans, [2]time.Time{since, e.ended})
			delete(open, e.user)
		}
		account.Proper++
		account.Slowest = max(account.Slowest, e.ended.Sub(e.began))
	}
	for _, since := range open {
		spans = append(spans, [2]time.Time{since, last})
	}
	account.Away, account.Until = covered(spans, began)
	return account
}

// covered is the time in at least one of the spans, and when the last ends.
func covered(spans [][2]time.Time, began time.Time) (total, until time.Duration) {
	slices.SortFunc(spans, func(a, b [2]time.Time) int { return a[0].Compare(b[0]) })
	var end time.Time
	for _, span := range spans {
		if from := later(span[0], end); span[1].After(from) {
			total += span[1].Sub(from)
			end = span[1]
		}
	}
	if len(spans) > 0 {
		until = end.Sub(began)
	}
	return total, until
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Well reports whether each user's last requests, all sent after a time, were that many
// successful ones in a row.
func (d *Diary) Well(users int, after time.Time, answers int) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	row := make([]int, users)
	for _, e := range d.entries {
		switch {
		case e.failure != "":
			row[e.user] = 0
		case e.began.After(after):
			row[e.user]++
		}
	}
	return !slices.ContainsFunc(row, func(n int) bool { return n < answers })
}
