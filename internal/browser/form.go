package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Form is an HTML form with its current values.
type Form struct {
	// ID is the form's id attribute; empty if it has none.
	ID     string
	Method string
	Action *url.URL

	page     *url.URL
	encoding string
	fields   []field
	buttons  []field
}

type field struct{ name, value string }

// Forms returns the forms of a page in document order, with the page's values.
func (p *Page) Forms() []*Form {
	root := p.document()
	base := p.URL
	if n := find(root, func(n *html.Node) bool { return n.DataAtom == atom.Base }); n != nil {
		if b, err := p.URL.Parse(attribute(n, "href")); err == nil {
			base = b
		}
	}
	var forms []*Form
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == atom.Form {
			forms = append(forms, newForm(n, base, p.URL))
		}
	}
	return forms
}

// FormWith returns the page's first form that has all the named fields, which is how a user
// recognizes a login form; nil if there is none.
func (p *Page) FormWith(names ...string) *Form {
	for _, form := range p.Forms() {
		if !slices.ContainsFunc(names, func(name string) bool { return !form.Has(name) }) {
			return form
		}
	}
	return nil
}

func newForm(n *html.Node, base, page *url.URL) *Form {
	f := &Form{ID: attribute(n, "id"), Method: http.MethodGet, Action: page, page: page, encoding: strings.ToLower(attribute(n, "enctype"))}
	if strings.EqualFold(attribute(n, "method"), "post") {
		f.Method = http.MethodPost
	}
	if action := strings.TrimSpace(attribute(n, "action")); action != "" {
		if u, err := base.Parse(action); err == nil {
			f.Action = u
		}
	}
	for d := range n.Descendants() {
		if d.Type == html.ElementNode {
			f.add(d)
		}
	}
	return f
}

// add adds a control as a browser would submit it.
func (f *Form) add(n *html.Node) {
	name, value := attribute(n, "name"), attribute(n, "value")
	if _, disabled := lookup(n, "disabled"); disabled || name == "" {
		return
	}
	switch n.DataAtom {
	case atom.Input:
		switch strings.ToLower(attribute(n, "type")) {
		case "submit":
			f.buttons = append(f.buttons, field{name, value})
		case "button", "reset", "image", "file":
		case "checkbox", "radio":
			if _, checked := lookup(n, "checked"); !checked {
				return
			}
			if _, has := lookup(n, "value"); !has {
				value = "on"
			}
			f.fields = append(f.fields, field{name, value})
		default:
			f.fields = append(f.fields, field{name, value})
		}
	case atom.Button:
		if kind := strings.ToLower(attribute(n, "type")); kind == "" || kind == "submit" {
			f.buttons = append(f.buttons, field{name, value})
		}
	case atom.Textarea:
		f.fields = append(f.fields, field{name, rawText(n)})
	case atom.Select:
		if chosen, ok := selected(n); ok {
			f.fields = append(f.fields, field{name, chosen})
		}
	}
}

// rawText preserves the spaces that a user typed.
func rawText(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// selected returns the value of a drop-down: the selected option, or else the first.
func selected(n *html.Node) (string, bool) {
	var first *html.Node
	for d := range n.Descendants() {
		if d.Type != html.ElementNode || d.DataAtom != atom.Option {
			continue
		}
		if _, chosen := lookup(d, "selected"); chosen {
			first = d
			break
		}
		if first == nil {
			first = d
		}
	}
	if first == nil {
		return "", false
	}
	if value, has := lookup(first, "value"); has {
		return value, true
	}
	return text(first), true
}

// Has reports whether the form has an editable field of that name.
func (f *Form) Has(name string) bool {
	return slices.ContainsFunc(f.fields, func(x field) bool { return x.name == name })
}

// Set sets a field's value. A user cannot edit a field that does not exist, so an unknown name is
// an error.
func (f *Form) Set(name, value string) error {
	for i := range f.fields {
		if f.fields[i].name == name {
			f.fields[i].value = value
			return nil
		}
	}
	return fmt.Errorf("the form at %s has no field %q", Bare(f.Action), name)
}

// Submit submits the form like a click on its first button and follows redirects.
func (b *Browser) Submit(ctx context.Context, f *Form) (*Page, error) {
	encoded := f.encode()
	if f.Method == http.MethodGet {
		to := *f.Action
		to.RawQuery = encoded
		return b.load(ctx, request{method: http.MethodGet, url: to.String(), header: navigation()})
	}
	if f.encoding == "multipart/form-data" || f.encoding == "text/plain" {
		return nil, fmt.Errorf("the form at %s wants to be sent as %s, which this browser cannot", Bare(f.Action), f.encoding)
	}
	header := navigation()
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	header.Set("Origin", f.page.Scheme+"://"+f.page.Host)
	return b.load(ctx, request{method: http.MethodPost, url: f.Action.String(), header: header, body: []byte(encoded)})
}

// lineEnds writes line ends as forms submit them.
var lineEnds = strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n", "\r", "\r\n")

// encode preserves the document order, as browsers do.
func (f *Form) encode() string {
	fields := f.fields
	if len(f.buttons) > 0 {
		fields = append(slices.Clone(fields), f.buttons[0])
	}
	pairs := make([]string, len(fields))
	for i, x := range fields {
		pairs[i] = url.QueryEscape(x.name) + "=" + url.QueryEscape(lineEnds.Replace(x.value))
	}
	return strings.Join(pairs, "&")
}
