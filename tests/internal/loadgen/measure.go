package loadgen

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Figures are response times and counts. Times are in milliseconds.
type Figures struct {
	Requests  int     `json:"requests"`
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50"`
	P95       float64 `json:"p95"`
}

// Measure makes clients repeat an action without pause for a time. do gets the client's number,
// from 0 on. The first error ends it.
func Measure(ctx context.Context, clients int, during time.Duration, do func(ctx context.Context, client int) error) (Figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mutex sync.Mutex
		took  []float64
		all   sync.WaitGroup
	)
	began := time.Now()
	for client := range clients {
		all.Go(func() {
			for time.Since(began) < during && ctx.Err() == nil {
				asked := time.Now()
				if err := do(ctx, client); err != nil {
					cancel(err)
					return
				}
				mutex.Lock()
				took = append(took, float64(time.Since(asked))/float64(time.Millisecond))
				mutex.Unlock()
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if ctx.Err() != nil {
		return Figures{}, fmt.Errorf("%d clients, after %d requests: %w", clients, len(took), context.Cause(ctx))
	}
	slices.Sort(took)
	return Figures{
		Requests: len(took), PerSecond: float64(len(took)) / elapsed.Seconds(),
		P50: percentile(took, 50), P95: percentile(took, 95),
	}, nil
}

// percentile is the smallest of the sorted values that p percent do not exceed; 0 if there are
// none.
func percentile(sorted []float64, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max((len(sorted)*p+99)/100-1, 0)]
}
