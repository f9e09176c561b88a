package report

import (
	"fmt"
	"io"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// WriteDiagnosis writes the report of a suite whose results are findings: each finding with its
// evidence and the command that fixes it, then the checks that did not run.
func WriteDiagnosis(w io.Writer, deployment string, r check.Report, colour bool) error {
	t := &Table{w: w, colour: colour}
	skipped := r.With(check.StatusNotRun)
	t.print("%s\n\n", t.paint(bold, fmt.Sprintf("%s: %d checks", deployment, len(r.Checks))))
	for i, f := range r.Findings {
		t.print("%2d. %s  %s\n", i+1, f.Summary, t.paint(dim, fmt.Sprintf("[%s, %s]", f.Component, f.ID)))
		fix := f.Fix
		if f.FollowsFrom != "" {
			fix = "" // its cause has the fix
		}
		t.lines(6, []line{
			{"got", f.Got}, {"wanted", f.Wanted}, {"log", f.Log}, {"effect", f.Effect}, {"cause", f.Cause}, {"follows", string(f.FollowsFrom)}, {"fix", fix},
		})
	}
	for _, c := range skipped {
		t.print("  - not checked: %s\n", c.ID)
		t.lines(6, []line{{"because", c.Reason}})
	}
	if len(r.Findings)+len(skipped) > 0 {
		t.print("\n")
	}
	verdict, style := "NOT HEALTHY", red
	if r.OK() {
		verdict, style = "healthy", green
	}
	t.print("%s  %d findings, %d of %d checks not run, in %s\n", t.paint(style, verdict), len(r.Findings), len(skipped), len(r.Checks), seconds(r.Took))
	return t.err
}
