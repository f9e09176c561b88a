package report

import (
	"fmt"
	"io"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
)

// Rule describes a check for readers who do not know it.
type Rule struct {
	// Attack is what is attempted, Defence what must prevent it.
	Attack, Mitigation string
}

// WriteSARIF writes a report as SARIF 2.1.0, for code scanners. Each check is a rule. A failed
// one is an error; one that could not run is an open question and a notification of the tool,
// whose run then counts as unsuccessful.
func WriteSARIF(w io.Writer, r check.Report, tool string, rules map[check.ID]Rule) error {
	run := sarif.NewRunWithInformationURI(tool, "https://github.com/mlflow-sso/mlflow-sso")
	invocation := sarif.NewInvocation().WithExecutionSuccessful(r.Count(check.StatusNotRun) == 0 && len(r.Checks) > 0)
	began, ended := r.Began.UTC().Truncate(time.Second), r.Began.Add(r.Took).UTC().Truncate(time.Second)
	start, end := began.Format(time.RFC3339), ended.Format(time.RFC3339)
	invocation.StartTimeUtc, invocation.EndTimeUtc = &start, &end
	for _, c := range r.Checks {
		about := rules[c.ID]
		rule := run.AddRule(string(c.ID))
		if about.Attack != "" {
			rule.ShortDescription = sarif.NewMultiformatMessageString().WithText(about.Attack)
			rule.Help = sarif.NewMultiformatMessageString().WithText("What has to hold: " + about.Mitigation)
		}
		result := run.CreateResultForRule(string(c.ID))
		result.WithLocations([]*sarif.Location{sarif.NewLocation().WithLogicalLocations(
			[]*sarif.LogicalLocation{sarif.NewLogicalLocation().WithName(r.Title).WithKind("resource")},
		)})
		text := "Holds: " + c.Detail
		switch c.Status {
		case check.StatusPassed:
			result.WithKind("pass").WithLevel("none")
		case check.StatusNotRun:
			text = "Could not run: " + c.Reason
			result.WithKind("open").WithLevel("none")
			invocation.ToolExecutionNotifications = append(invocation.ToolExecutionNotifications,
				sarif.NewNotification().WithLevel("error").WithMessage(sarif.NewTextMessage(string(c.ID)+": "+c.Reason)))
		default:
			text = failure(c)
			result.WithKind("fail").WithLevel("error")
		}
		result.WithMessage(sarif.NewTextMessage(text))
	}
	run.WithInvocations([]*sarif.Invocation{invocation})
	document := sarif.NewReport()
	document.AddRun(run)
	if err := document.Validate(); err != nil {
		return fmt.Errorf("the report is not SARIF 2.1.0: %w", err)
	}
	return document.PrettyWrite(w)
}

// failure returns a failed check as one text.
func failure(c check.Result) string {
	text := c.Reason
	if c.Got != "" || c.Wanted != "" {
		if text != "" {
			text += ": "
		}
		text += "got " + c.Got + ", wanted " + c.Wanted
	}
	if c.Next != "" {
		text += ". Next: " + c.Next
	}
	return text
}
