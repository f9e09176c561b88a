package security

import (
	"net/http"
	"slices"
	"strings"
)

// belongings are the IDs and names of one member's objects, one of each kind.
type belongings map[kind]string

// phase orders requests: reads precede writes, and deletions come last, so that the attacker's
// own objects still exist for requests that name both.
type phase int

const (
	reading phase = iota
	writing
	deleting
)

// trial is one request of the generator.
type trial struct {
	route string
	// how describes which places name the other member's object, and in which spelling.
	how   string
	phase phase
	kinds []kind
	// rank is lower for requests that come first when the budget is short.
	rank                int
	method, path, query string
	header              http.Header
	body                any
	changes             bool
}

// composer creates requests from places.
type composer struct {
	own, foreign belongings
	group, name  string
}

// slot is a place that names an object.
type slot struct {
	place
	kind kind
	// parameter is the name of a path parameter; empty for a field.
	parameter string
}

// choice is the value of a slot.
type choice int

const (
	chooseOwn choice = iota
	chooseForeign
	ownThenForeign
	foreignThenOwn
)

var mutates = map[string]bool{http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true}

// phaseOf returns when a route is tried.
func phaseOf(method, path string) phase {
	last := path[strings.LastIndex(path, "/")+1:]
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(last), word) })
	}
	switch {
	case method == http.MethodDelete, has("delete", "remove", "cancel", "detach", "abort", "cleanup"):
		return deleting
	case method == http.MethodGet, has("search", "batchget", "list", "metrics", "correlation", "get-latest", "graphql"):
		return reading
	}
	return writing
}

// slots returns the places of a route that name an object.
func slots(e endpoint) []slot {
	var all []slot
	inPath := map[string]bool{}
	for _, found := range parameter.FindAllStringSubmatch(e.Path, -1) {
		name := found[1]
		inPath[name] = true
		k := kindOf(e.Path, []string{name})
		if name == "name" && k == "" {
			k = kindOfName(e.Path)
		}
		if k != "" {
			all = append(all, slot{kind: k, parameter: name})
		}
	}
	fields := e.Fields
	if len(fields) == 0 && len(all) == 0 {
		fields = anyFields(e)
	}
	for _, f := range fields {
		if len(f.Path) == 1 && inPath[f.Path[0]] {
			continue // the path determines it
		}
		if k := kindOf(e.Path, f.Path); k != "" && !strings.HasPrefix(f.Type, "enum") && f.Type != "object" {
			all = append(all, slot{place: f, kind: k})
		}
	}
	return all
}

// anyFields are tried if a route does not declare its fields.
func anyFields(e endpoint) []place {
	var all []place
	for _, name := range []string{"experiment_id", "run_id", "run_uuid", "request_id", "trace_id", "model_id", "name", "path"} {
		all = append(all, place{Path: []string{name}, Type: "string", Query: e.Method == http.MethodGet})
	}
	return all
}

// value returns a slot's value; nil if the kind was not planted.
func (c composer) value(s slot, which choice, beside []slot) any {
	pick := func(from belongings) string {
		if s.kind == kindFile && slices.ContainsFunc(beside, func(o slot) bool { return o.kind == kindRun || o.kind == kindLoggedModel || o.kind == kindModel }) {
			return noteName // the path is below the run's
		}
		return from[s.kind]
	}
	own, foreign := pick(c.own), pick(c.foreign)
	var values []string
	switch which {
	case chooseOwn:
		values = []string{own}
	case chooseForeign:
		values = []string{foreign}
	case ownThenForeign:
		values = []string{own, foreign}
	case foreignThenOwn:
		values = []string{foreign, own}
	}
	if slices.Contains(values, "") {
		return nil
	}
	if s.Many {
		return values
	}
	return values[0]
}

// spelling is where and how fields are written.
type spelling struct {
	camel bool
	// moved moves the fields from the body to the query, or vice versa.
	moved bool
	// twice puts the other member's value into the query and one's own into the body or, with
	// swapped, the other way round.
	twice, swapped bool
}

// trials returns all requests for one route. A twin is a route that also exists under another
// prefix with the same handler, so it gets fewer.
func (c composer) trials(e endpoint, twin bool) []trial {
	all := slots(e)
	known, unknown := split(all, c.foreign)
	var made []trial
	add := func(rank int, how string, choose map[int]choice, s spelling) {
		if t, ok := c.compose(e, known, choose, s); ok {
			t.how, t.rank = how, rank
			made = append(made, t)
		}
	}
	everything := map[int]choice{}
	for i := range known {
		everything[i] = chooseForeign
	}
	add(0, "the other's in every place", everything, spelling{})
	for i, s := range known {
		if s.Many || len(s.Lists) > 0 {
			for which, how := range map[choice]string{ownThenForeign: "own, then the other's, in " + s.name(), foreignThenOwn: "the other's, then own, in " + s.name()} {
				if s.Many {
					add(1, how, map[int]choice{i: which}, spelling{})
				}
			}
		}
		if len(known) > 1 && !twin {
			add(2, "the other's in "+s.name()+" alone", map[int]choice{i: chooseForeign}, spelling{})
		}
	}
	if twin {
		return made
	}
	if slices.ContainsFunc(known, func(s slot) bool { return s.parameter == "" }) {
		add(3, "in camel case", everything, spelling{camel: true})
		add(4, "in the query for the body, or in the body for the query", everything, spelling{moved: true})
		add(4, "the other's in the query, own in the body", everything, spelling{twice: true})
		add(4, "own in the query, the other's in the body", everything, spelling{twice: true, swapped: true})
		for i, s := range known {
			if s.Many {
				add(3, "in camel case, own, then the other's, in "+s.name(), map[int]choice{i: ownThenForeign}, spelling{camel: true})
			}
		}
	}
	for _, u := range unknown {
		for _, k := range []kind{kindExperiment, kindRun, kindTrace, kindLoggedModel} {
			u.kind = k
			if t, ok := c.compose(e, append(slices.Clone(known), u), map[int]choice{len(known): chooseForeign}, spelling{}); ok {
				t.how, t.rank = "the other's "+string(k)+" in "+u.name(), 5
				made = append(made, t)
			}
		}
	}
	for i, s := range known {
		if s.kind == kindModel {
			prompts := slices.Clone(known)
			prompts[i].kind = kindPrompt
			if t, ok := c.compose(e, prompts, everything, spelling{}); ok {
				t.how, t.rank = "the other's prompt in "+s.name(), 3
				made = append(made, t)
			}
		}
	}
	return made
}

// split splits slots into those whose kind was planted and those of unknown kind.
func split(all []slot, planted belongings) (known, unknown []slot) {
	for _, s := range all {
		switch {
		case s.kind == kindUnknown:
			unknown = append(unknown, s)
		case planted[s.kind] != "":
			known = append(known, s)
		}
	}
	return known, unknown
}

func (s slot) name() string {
	if s.parameter != "" {
		return s.parameter
	}
	return strings.Join(s.Path, ".")
}
