package security

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// compose creates one request.
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
	bodied := e.Method != http.MethodGet
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

// put sets a value at a path, through lists of one object.
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

// spread writes fields as a query; values other than lists of texts are JSON.
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

// fillings are values for fields that name no object, so that requests are complete.
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

// parameter returns a value for a path parameter that names no member's object.
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

// graphTrials returns all requests for one field of GraphQL.
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

// plan returns all requests for a catalogue, the most informative first in each phase.
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
