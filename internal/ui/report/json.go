package report

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// jsonReport is the JSON format of every suite. Its keys are part of the tool's contract.
type jsonReport struct {
	Title    string          `json:"title"`
	OK       bool            `json:"ok"`
	Began    time.Time       `json:"began"`
	Seconds  float64         `json:"seconds"`
	Passed   int             `json:"passed"`
	Failed   int             `json:"failed"`
	NotRun   int             `json:"notRun"`
	Checks   []jsonCheck     `json:"checks"`
	Findings []check.Finding `json:"findings,omitempty"`
}

type jsonCheck struct {
	Name    check.ID     `json:"name"`
	Status  check.Status `json:"status"`
	Seconds float64      `json:"seconds"`
	Detail  string       `json:"detail,omitempty"`
	Got     string       `json:"got,omitempty"`
	Wanted  string       `json:"wanted,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Next    string       `json:"next,omitempty"`
	Docs    string       `json:"docs,omitempty"`
}

func jsonOf(r check.Report) jsonReport {
	out := jsonReport{
		Title: r.Title, OK: r.OK(), Began: r.Began.UTC().Truncate(time.Millisecond), Seconds: rounded(r.Took),
		Passed: r.Count(check.StatusPassed), Failed: r.Count(check.StatusFailed), NotRun: r.Count(check.StatusNotRun),
		Checks: make([]jsonCheck, len(r.Checks)), Findings: r.Findings,
	}
	for i, c := range r.Checks {
		out.Checks[i] = jsonCheck{
			Name: c.ID, Status: c.Status, Seconds: rounded(c.Took), Detail: c.Detail,
			Got: c.Got, Wanted: c.Wanted, Reason: c.Reason, Next: c.Next, Docs: c.Docs,
		}
	}
	return out
}

// WriteJSON writes a report as one JSON document. Times are UTC, durations
// seconds with milliseconds.
func WriteJSON(w io.Writer, r check.Report) error { return encode(w, jsonOf(r)) }

// jsonSkipped is a check that did not run, under the keys of the doctor.
type jsonSkipped struct {
	Examination check.ID `json:"examination"`
	Reason      string   `json:"reason"`
}

// WriteDiagnosisJSON writes the report of a suite whose results are findings. It has the keys of
// [WriteJSON] and, for one release, the doctor's former ones: deployment, healthy, examined, and
// in notRun the checks themselves instead of their number.
func WriteDiagnosisJSON(w io.Writer, deployment string, r check.Report) error {
	out := struct {
		Deployment string `json:"deployment"`
		Healthy    bool   `json:"healthy"`
		jsonReport
		Examined []check.ID      `json:"examined"`
		Findings []check.Finding `json:"findings"`
		NotRun   []jsonSkipped   `json:"notRun"`
	}{Deployment: deployment, Healthy: r.OK(), jsonReport: jsonOf(r), Examined: []check.ID{}, Findings: append([]check.Finding{}, r.Findings...), NotRun: []jsonSkipped{}}
	for _, c := range r.Checks {
		out.Examined = append(out.Examined, c.ID)
	}
	for _, c := range r.With(check.StatusNotRun) {
		out.NotRun = append(out.NotRun, jsonSkipped{Examination: c.ID, Reason: c.Reason})
	}
	return encode(w, out)
}

func encode(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

func rounded(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
