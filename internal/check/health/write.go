package health

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteTable writes a report as text.
func WriteTable(w io.Writer, d Report) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %d examinations\n\n", d.Deployment, len(d.Examined))
	for i, f := range d.Findings {
		fmt.Fprintf(&b, "%2d. %s  [%s, %s]\n", i+1, f.Summary, f.Component, f.ID)
		for _, line := range []struct{ label, text string }{
			{"got", f.Got}, {"wanted", f.Wanted}, {"log", f.Log}, {"cause", f.Cause}, {"follows", f.FollowsFrom}, {"fix", f.Fix},
		} {
			if line.label == "fix" && f.FollowsFrom != "" {
				continue // its cause has the fix
			}
			if line.text != "" {
				fmt.Fprintf(&b, "      %-7s  %s\n", line.label, strings.ReplaceAll(strings.TrimSpace(line.text), "\n", "\n               "))
			}
		}
	}
	for _, u := range d.Skipped {
		fmt.Fprintf(&b, "  - not checked: %s\n      because  %s\n", u.Examination, strings.ReplaceAll(u.Reason, "\n", "\n               "))
	}
	if len(d.Findings)+len(d.Skipped) > 0 {
		b.WriteByte('\n')
	}
	verdict := "healthy"
	if !d.Healthy() {
		verdict = "NOT HEALTHY"
	}
	fmt.Fprintf(&b, "%s  %d findings, %d of %d examinations not made, in %.2fs\n", verdict, len(d.Findings), len(d.Skipped), len(d.Examined), d.Took.Seconds())
	_, err := w.Write(b.Bytes())
	return err
}

// WriteJSON writes a report as JSON.
func WriteJSON(w io.Writer, d Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Healthy bool `json:"healthy"`
		Report
		Seconds float64 `json:"seconds"`
	}{d.Healthy(), d, float64(d.Took.Milliseconds()) / 1000})
}
