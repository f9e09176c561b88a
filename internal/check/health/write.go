package health

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteTable writes a diagnosis for people.
func WriteTable(w io.Writer, d Report) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %d examinations\n\n", d.Deployment, len(d.Examined))
	for i, f := range d.Findings {
		fmt.Fprintf(&b, "%2d. %s  [%s, %s]\n", i+1, f.Summary, f.Organ, f.ID)
		for _, line := range []struct{ label, text string }{
			{"got", f.Got}, {"wanted", f.Wanted}, {"log", f.Log}, {"cause", f.Cause}, {"follows", f.FollowsFrom}, {"mend", f.Fix},
		} {
			if line.label == "mend" && f.FollowsFrom != "" {
				continue // its cause is to be mended
			}
			if line.text != "" {
				fmt.Fprintf(&b, "      %-7s  %s\n", line.label, strings.ReplaceAll(strings.TrimSpace(line.text), "\n", "\n               "))
			}
		}
	}
	for _, u := range d.Unseen {
		fmt.Fprintf(&b, "  - not looked at: %s\n      because  %s\n", u.Examination, strings.ReplaceAll(u.Reason, "\n", "\n               "))
	}
	if len(d.Findings)+len(d.Unseen) > 0 {
		b.WriteByte('\n')
	}
	verdict := "healthy"
	if !d.Healthy() {
		verdict = "NOT HEALTHY"
	}
	fmt.Fprintf(&b, "%s  %d findings, %d of %d examinations not made, in %.2fs\n", verdict, len(d.Findings), len(d.Unseen), len(d.Examined), d.Took.Seconds())
	_, err := w.Write(b.Bytes())
	return err
}

// WriteJSON writes a diagnosis for machines.
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
