package report

import (
	"encoding/json"
	"io"
)

// jsonPreview is the JSON format of a preview. Its keys are part of the tool's contract.
type jsonPreview struct {
	Stack   string       `json:"stack"`
	Loses   bool         `json:"losesData"`
	Same    int          `json:"same"`
	Changes []jsonChange `json:"changes"`
}

type jsonChange struct {
	Resource   string         `json:"resource"`
	Kind       string         `json:"kind"`
	Outcome    Outcome        `json:"outcome"`
	Why        string         `json:"why,omitempty"`
	Loses      string         `json:"loses,omitempty"`
	Properties []jsonProperty `json:"properties,omitempty"`
}

type jsonProperty struct {
	Name   string          `json:"name"`
	Old    json.RawMessage `json:"old,omitempty"`
	New    json.RawMessage `json:"new,omitempty"`
	Forces bool            `json:"forces,omitempty"`
}

// WriteChangesJSON writes a preview as one JSON document. A property that exists only before or
// only after the update lacks the other value.
func WriteChangesJSON(w io.Writer, p Preview) error {
	out := jsonPreview{Stack: p.Stack, Loses: len(p.losses()) > 0, Same: p.Same, Changes: make([]jsonChange, len(p.Changes))}
	for i, c := range p.Changes {
		out.Changes[i] = jsonChange{Resource: c.Resource, Kind: c.Kind, Outcome: c.Outcome, Why: c.Why, Loses: c.DataLoss}
		for _, property := range c.Properties {
			out.Changes[i].Properties = append(out.Changes[i].Properties, jsonProperty(property))
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
