package report

import (
	"io"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// WriteDrift writes the findings of the suite drift, a line for each: what differs, and what an
// operator does about it unless an update fixes it.
func WriteDrift(w io.Writer, r check.Report) error {
	t := &Table{w: w}
	for _, f := range r.Findings {
		line := f.Summary
		if f.Next != "" {
			line += "; " + f.Next
		}
		t.print("%s\n", plain(line))
	}
	if r.OK() {
		t.print("no drift\n")
	}
	return t.err
}

// WriteDriftJSON writes a report like [WriteJSON], with an empty list if there are no findings.
func WriteDriftJSON(w io.Writer, r check.Report) error {
	return encode(w, struct {
		jsonReport
		Findings []check.Finding `json:"findings"`
	}{jsonOf(r), append([]check.Finding{}, r.Findings...)})
}
