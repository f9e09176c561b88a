package report

import (
	"encoding/json"
	"io"
	"math"
	"time"
)

// jsonReport is what machines read. Its keys are part of the tool's contract.
type jsonReport struct {
	Title   string      `json:"title"`
	OK      bool        `json:"ok"`
	Began   time.Time   `json:"began"`
	Seconds float64     `json:"seconds"`
	Passed  int         `json:"passed"`
	Failed  int         `json:"failed"`
	NotRun  int         `json:"notRun"`
	Checks  []jsonCheck `json:"checks"`
}

type jsonCheck struct {
	Name    string  `json:"name"`
	Status  Status  `json:"status"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
	Got     string  `json:"got,omitempty"`
	Wanted  string  `json:"wanted,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	Next    string  `json:"next,omitempty"`
}

// WriteJSON writes a report as one JSON document. Times are UTC, durations
// seconds with milliseconds.
func WriteJSON(w io.Writer, r Report) error {
	out := jsonReport{
		Title: r.Title, OK: r.OK(), Began: r.Began.UTC().Truncate(time.Millisecond), Seconds: rounded(r.Took),
		Passed: r.count(Passed), Failed: r.count(Failed), NotRun: r.count(NotRun),
		Checks: make([]jsonCheck, len(r.Checks)),
	}
	for i, c := range r.Checks {
		out.Checks[i] = jsonCheck{
			Name: c.Name, Status: c.Status, Seconds: rounded(c.Took), Detail: c.Detail,
			Got: c.Got, Wanted: c.Wanted, Reason: c.Reason, Next: c.Next,
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func rounded(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
