package stack

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/mlflow-sso/mlflow-sso/contract/pulumiplugin"
)

// Step reports long work, see package progress.
type Step interface {
	// Say reports the current action.
	Say(format string, args ...any)
	// Writer receives the output of a program.
	Writer() io.Writer
}

// eventCollector follows the events of one run of Pulumi.
type eventCollector struct {
	events chan events.EngineEvent
	done   chan struct{}

	// The following is written by one goroutine, and read after end.
	began    map[string]time.Time
	creates  []created
	problems []string
	// reports are permanent reports of the project's own provider, warnings its warnings.
	reports, warnings []string
	// differences are what a preview would change, same is what it would not, by URN.
	differences []difference
	same        map[string]bool
	// advice are the violations of advisory policies.
	advice []string
}

// created is a resource that a run created or, in a preview, would create.
type created struct {
	urn, kind, parent, provider string
	inputs                      map[string]any
}

// newCollector starts to follow; it reports operations on step.
func newCollector(step Step) *eventCollector {
	w := &eventCollector{events: make(chan events.EngineEvent, 64), done: make(chan struct{}), began: map[string]time.Time{}, same: map[string]bool{}}
	go func() {
		defer close(w.done)
		for event := range w.events {
			w.take(event.EngineEvent, step)
		}
	}()
	return w
}

// end waits for the last event. Pulumi closes the channel when a run ends, but not if the run
// could not start, so the wait is short.
func (w *eventCollector) end() {
	select {
	case <-w.done:
	case <-time.After(5 * time.Second):
	}
}

func (w *eventCollector) take(event apitype.EngineEvent, step Step) {
	switch {
	case event.ResourcePreEvent != nil && event.ResourcePreEvent.Planning:
		w.plan(event.ResourcePreEvent.Metadata, step)
	case event.ResourcePreEvent != nil:
		w.begin(event.ResourcePreEvent.Metadata, step)
	case event.ResOutputsEvent != nil && event.ResOutputsEvent.Planning:
		w.stays(event.ResOutputsEvent.Metadata, step)
	case event.ResOutputsEvent != nil:
		w.finish(event.ResOutputsEvent.Metadata, step)
	case event.PolicyEvent != nil && event.PolicyEvent.EnforcementLevel == mandatory:
		if text := violation(event.PolicyEvent); !slices.Contains(w.problems, text) { // once for several ports
			w.problems = append(w.problems, text)
		}
	case event.PolicyEvent != nil:
		w.advice = append(w.advice, violation(event.PolicyEvent))
	case event.DiagnosticEvent != nil && event.DiagnosticEvent.Severity == "error":
		w.problems = append(w.problems, problem(event.DiagnosticEvent))
	case event.DiagnosticEvent != nil && isReport(event.DiagnosticEvent):
		text := strings.TrimSpace(uncoloured(event.DiagnosticEvent.Message))
		step.Say("%s", text)
		if event.DiagnosticEvent.Severity == "info" {
			w.reports = append(w.reports, text)
		} else if !slices.Contains(w.warnings, text) { // a refresh and the update repeat the warning
			w.warnings = append(w.warnings, text)
		}
	}
}

// isReport reports whether a message of the project's own provider is a permanent report or a
// warning. The next status replaces a status; and the update corrects what could not be compared.
func isReport(d *apitype.DiagnosticEvent) bool {
	urn, err := resource.ParseURN(d.URN)
	return err == nil && (d.Severity == "info" || d.Severity == "warning") && !d.Ephemeral &&
		string(urn.Type().Package()) == pulumiplugin.Name && !strings.Contains(d.Message, pulumiplugin.NotCompared)
}

func (w *eventCollector) begin(m apitype.StepEventMetadata, step Step) {
	verb, ok := verbs[m.Op]
	if !ok || m.New != nil && !m.New.Custom {
		return
	}
	w.began[m.URN] = time.Now()
	step.Say("%s %s", verb, nameOf(m.URN))
}

func (w *eventCollector) finish(m apitype.StepEventMetadata, step Step) {
	began, ok := w.began[m.URN]
	if !ok {
		return
	}
	delete(w.began, m.URN)
	text := fmt.Sprintf("%s done in %.1fs", nameOf(m.URN), time.Since(began).Seconds())
	if len(w.began) > 0 {
		var waiting []string
		for urn := range w.began {
			waiting = append(waiting, nameOf(urn))
		}
		slices.Sort(waiting)
		text += ", waiting for " + strings.Join(waiting, ", ")
	}
	step.Say("%s", text)
}

// verbs are for operations that take time.
var verbs = map[apitype.OpType]string{
	apitype.OpCreate: "making", apitype.OpUpdate: "changing", apitype.OpDelete: "removing",
	apitype.OpReplace: "replacing", apitype.OpCreateReplacement: "recreating", apitype.OpDeleteReplaced: "removing the old",
}

// outcome returns a word for a completed operation, or else its own name.
func outcome(operation string) string {
	word, ok := map[string]string{
		"create": "created", "update": "changed", "replace": "replaced", "delete": "removed", "import": "taken over",
	}[operation]
	if !ok {
		return operation
	}
	return word
}

// nameOf returns the name in a URN; empty for none, as for a provider.
func nameOf(urn string) string {
	if i := strings.LastIndex(urn, "::"); i >= 0 {
		return urn[i+2:]
	}
	return urn
}

// problem returns an error of Pulumi on one line, with its resource.
func problem(d *apitype.DiagnosticEvent) string {
	text := strings.TrimSpace(uncoloured(d.Message))
	if d.URN == "" || strings.HasSuffix(d.URN, "::pulumi:pulumi:Stack") {
		return text
	}
	return nameOf(d.URN) + ": " + text
}

// uncoloured returns a text without Pulumi's colour tags, "<{%reset%}>".
func uncoloured(text string) string {
	for {
		begin := strings.Index(text, "<{%")
		end := strings.Index(text, "%}>")
		if begin < 0 || end < begin {
			return text
		}
		text = text[:begin] + text[end+3:]
	}
}
