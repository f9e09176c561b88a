package security

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// belongings are the IDs and names of one member's things, one of each kind.
type belongings map[kind]string

// phase orders requests: what reads comes before what writes, and what deletes last,
// so that the attacker's own things are still there for requests that name both.
type phase int

const (
	reading phase = iota
	writing
	deleting
)

// trial is one request of the generator.
type trial struct {
	route string
	// how says which places name the other member's thing, and in which spelling.
	how   string
	phase phase
	kinds []kind
	// rank is lower for what comes first when the budget is short.
	rank                int
	method, path, query string
	header              http.Header
	body                any
	changes             bool
}

// composer makes trials out of places.
type composer struct {
	own, foreign belongings
	group, name  string
}

// slot is a place that names a thing.
type slot struct {
	place
	kind kind
	// parameter is the name of a parameter of the path; empty for a field.
	parameter string
}

// choice is what a slot gets.
type choice int

const (
	chooseOwn choice = iota
	chooseForeign
	ownThenForeign
	foreignThenOwn
)

var mutates = map[string]bool{http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true, http.MethodDelete: true}

// phaseOf is when a route is tried.
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

// slots are the places of a route that name a thing.
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
			continue // the path says it
		}
		if k := kindOf(e.Path, f.Path); k != "" && !strings.HasPrefix(f.Type, "enum") && f.Type != "object" {
			all = append(all, slot{place: f, kind: k})
		}
	}
	return all
}

// anyFields are tried where a route does not say what it reads.
func anyFields(e endpoint) []place {
	var all []place
	for _, name := range []string{"experiment_id", "run_id", "run_uuid", "request_id", "trace_id", "model_id", "name", "path"} {
		all = append(all, place{Path: []string{name}, Type: "string", Query: e.Method == http.MethodGet})
	}
	return all
}

// value of a slot; nil where the kind was not planted.
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
	// moved puts the fields into the query instead of the body, or the other way round.
	moved bool
	// twice puts the other member's into the query and one's own into the body, or, with
	// swapped, the other way round.
	twice, swapped bool
}

// trials are all for one route. A twin is a route that another prefix has, too; the
// same function answers it, so it gets fewer.
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

// split parts slots into those whose kind was planted and those that may be anything.
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

// compose writes one request.
func (c composer) compose(e endpoint, known []slot, choose map[int]choice, s spelling) (trial, bool) {
	t := trial{route: e.String(), method: e.Method, phase: phaseOf(e.Method, e.Path), changes: mutates[e.Method]}
	path, first, second := e.Path, map[string]any{}, map[string]any{}
	query := url.Values{}
	seen := map[kind]bool{}
	named := map[string]bool{}
	for i, p := range known {
		value := c.value(p, choose[i], known)
		if value == nil {
			return t, false
		}
		if choose[i] != chooseOwn && !seen[p.kind] {
			seen[p.kind] = true
			t.kinds = append(t.kinds, p.kind)
		}
		if p.parameter != "" {
			text, _ := value.(string)
			if p.kind != kindFile {
				text = url.PathEscape(text)
			}
			path = strings.ReplaceAll(path, "{"+p.parameter+"}", text)
			continue
		}
		named[strings.Join(p.Path, ".")] = true
		put(first, p.place, value, s.camel)
		put(second, p.place, c.value(p, chooseOwn, known), s.camel)
	}
	for _, f := range e.Fields {
		if !named[strings.Join(f.Path, ".")] && !strings.Contains(e.Path, "{"+f.Path[len(f.Path)-1]+"}") {
			if value := c.filling(f); value != nil {
				put(first, f, value, s.camel)
				put(second, f, value, s.camel)
			}
		}
	}
	t.path = parameter.ReplaceAllStringFunc(path, func(name string) string { return url.PathEscape(c.parameter(strings.Trim(name, "{}"))) })
	bodied := e.Method != http.MethodGet && e.Method != "TRACE" && e.Method != "CONNECT"
	switch {
	case s.twice && s.swapped:
		spread(query, second)
		t.body = first
	case s.twice:
		spread(query, first)
		t.body = second
	case bodied != s.moved:
		t.body = first
	default:
		spread(query, first)
	}
	t.query = query.Encode()
	return t, true
}

// put writes a value where the path leads, through lists of one object.
func put(into map[string]any, p place, value any, inCamel bool) {
	if p.Many {
		if _, list := value.([]string); !list {
			value = []any{value}
		}
	}
	for i, step := range p.Path {
		if inCamel {
			step = camel(step)
		}
		if i == len(p.Path)-1 {
			into[step] = value
			return
		}
		if slices.Contains(p.Lists, i) {
			list, ok := into[step].([]any)
			if !ok {
				list = []any{map[string]any{}}
				into[step] = list
			}
			into, _ = list[0].(map[string]any)
			continue
		}
		next, ok := into[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[step] = next
		}
		into = next
	}
}

// spread writes fields as a query; what is no list of texts is JSON.
func spread(into url.Values, fields map[string]any) {
	for name, value := range fields {
		switch v := value.(type) {
		case string:
			into.Set(name, v)
		case []string:
			into[name] = v
		default:
			if text, err := json.Marshal(v); err == nil {
				into.Set(name, string(text))
			}
		}
	}
}

// fillings are values for fields that name nothing, so that requests are complete.
var fillings = map[string]any{
	"key": "k", "tag_key": "k", "permission": "READ", "version": "1", "server_version": "1.0.0", "alias": "champion", "metric_key": "m", "metric_name": "trace_count",
	"status": "FINISHED", "stage": "Archived", "tags": "{}", "records": `[{"inputs":{"q":"v"}}]`, "serialized_scorer": `{"name":"s"}`,
	"max_results": 100, "limit": 100, "regex": ".*", "priority": 1, "type": "feedback", "queue_type": "CUSTOM", "item_type": "trace",
	"assessment_name": "a", "source_type": "HUMAN", "view_type": nil, "allow_deleted": true, "dimensions": nil,
	"user": nil, "users": nil, "schema": nil, "profile": nil, "older_than": nil, "filter": nil, "filter_string": nil, "order_by": nil, "page_token": nil,
	"search": nil, "offset": nil, "user_id": nil, "created_by": nil, "updated_by": nil, "start_time_ms": nil, "end_time_ms": nil, "time_interval_seconds": nil,
	"max_timestamp_millis": nil, "max_traces": nil, "stages": nil, "events": nil, "inference_table": nil, "filters": nil, "categories": nil, "root_causes": nil,
}

func (c composer) filling(p place) any {
	name := snake(p.Path[len(p.Path)-1])
	if value, ok := fillings[name]; ok {
		return value
	}
	switch {
	case name == "name" || name == "new_name" || name == "secret_name":
		return c.name
	case strings.Contains(name, "timestamp") || strings.HasSuffix(name, "_time"):
		if p.Type != "number" {
			return nil
		}
		return time.Now().UnixMilli()
	case strings.HasPrefix(p.Type, "enum:"):
		return strings.TrimPrefix(p.Type, "enum:")
	case p.Type == "number":
		return 1
	case p.Type == "bool":
		return false
	case p.Type == "string" && !anyID.MatchString(name):
		return "v"
	}
	return nil
}

// parameter is a value for a parameter of a path that names no thing of a member.
func (c composer) parameter(name string) string {
	switch {
	case strings.Contains(name, "group_name"):
		return c.group
	case name == "version":
		return "1"
	case name == "alias":
		return "champion"
	case strings.HasSuffix(name, "key"):
		return "k"
	}
	return nothingHasIt
}

// graphTrials are all for one field of GraphQL.
func (c composer) graphTrials(f graphField) []trial {
	var made []trial
	e := endpoint{Method: http.MethodPost, Path: "/graphql", Fields: f.Fields}
	known, _ := split(slots(e), c.foreign)
	add := func(how string, choose map[int]choice) {
		variables := map[string]any{}
		var named []kind
		for i, s := range known {
			value := c.value(s, choose[i], known)
			if value == nil {
				return
			}
			put(variables, s.place, value, false)
			if choose[i] != chooseOwn {
				named = append(named, s.kind)
			}
		}
		declared, passed := make([]string, 0, len(f.Arguments)), make([]string, 0, len(f.Arguments))
		for name, kind := range f.Arguments {
			if variables[name] == nil && !strings.HasSuffix(kind, "!") && kind != "String" {
				variables[name] = map[string]any{}
			}
			declared, passed = append(declared, "$"+name+": "+kind), append(passed, name+": $"+name)
		}
		field := f.Name + f.Selection
		head := f.Operation + " A"
		if len(declared) > 0 {
			head += "(" + strings.Join(declared, ", ") + ")"
			field = f.Name + "(" + strings.Join(passed, ", ") + ")" + f.Selection
		}
		made = append(made, trial{
			route: "GraphQL " + f.Operation + " " + f.Name, how: how, kinds: named, method: http.MethodPost, path: "/graphql",
			body: map[string]any{"operationName": "A", "query": head + "{" + field + "}", "variables": variables},
		})
	}
	everything := map[int]choice{}
	for i, s := range known {
		everything[i] = chooseForeign
		if s.Many {
			add("own, then the other's, in "+s.name(), map[int]choice{i: ownThenForeign})
			add("the other's, then own, in "+s.name(), map[int]choice{i: foreignThenOwn})
		} else if len(known) > 1 {
			add("the other's in "+s.name()+" alone", map[int]choice{i: chooseForeign})
		}
	}
	add("the other's in every place", everything)
	return made
}

// plan is all trials for a catalogue, the most telling first in each phase.
func (c composer) plan(all catalogue) []trial {
	there := map[string]bool{}
	for _, e := range all.Routes {
		there[e.String()] = true
	}
	var made []trial
	for _, e := range all.Routes {
		if e.Path == "/graphql" || e.Path == "/logout" {
			continue // GraphQL has its own; a logout names nothing
		}
		twin := strings.Contains(e.Path, "/ajax-api/") && there[strings.Replace(e.String(), "/ajax-api/", "/api/", 1)]
		made = append(made, c.trials(e, twin)...)
	}
	for _, f := range all.GraphQL {
		made = append(made, c.graphTrials(f)...)
	}
	slices.SortStableFunc(made, func(a, b trial) int { return a.rank - b.rank })
	return made
}
