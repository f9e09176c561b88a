package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Hop is one redirect on the way to a page.
type Hop struct {
	Method   string
	URL      *url.URL
	Status   int
	Location *url.URL
}

// Page is the response of an address.
type Page struct {
	// URL is the page's address, after all redirects.
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	// Hops are the redirects to this page, in order.
	Hops []Hop
}

// redirect returns the target of a redirect; nil without one.
func (p *Page) redirect() (*url.URL, error) {
	switch p.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return p.sendsTo(p.Header.Get("Location"))
	case http.StatusOK:
		return p.sendsTo(p.refresh())
	}
	return nil, nil
}

// refresh returns the target of a refresh that works without scripts; empty without one.
func (p *Page) refresh() string {
	if !p.HTML() || !bytes.Contains(p.Body, []byte("http-equiv")) {
		return ""
	}
	root, err := html.ParseWithOptions(bytes.NewReader(p.Body), html.ParseOptionEnableScripting(false))
	if err != nil {
		return ""
	}
	found := find(root, func(n *html.Node) bool {
		return n.DataAtom == atom.Meta && strings.EqualFold(attribute(n, "http-equiv"), "refresh")
	})
	if found == nil {
		return ""
	}
	_, to, _ := strings.Cut(attribute(found, "content"), "url=")
	return to
}

// sendsTo resolves an address in the page; nil without one: a browser then shows the body.
func (p *Page) sendsTo(location string) (*url.URL, error) {
	if location == "" {
		return nil, nil
	}
	next, err := p.URL.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("%s redirects to an invalid address", Bare(p.URL))
	}
	if next.Fragment == "" {
		next.Fragment = p.URL.Fragment
	}
	return next, nil
}

// Through returns the first redirect to a matching address; nil if there was none.
func (p *Page) Through(match func(*url.URL) bool) *Hop {
	for i := range p.Hops {
		if match(p.Hops[i].Location) {
			return &p.Hops[i]
		}
	}
	return nil
}

// JSON decodes the page's body.
func (p *Page) JSON(into any) error {
	if err := json.Unmarshal(p.Body, into); err != nil {
		return fmt.Errorf("%s answered %d with something that is not the JSON expected: %w", Bare(p.URL), p.Status, err)
	}
	return nil
}

// HTML reports whether the content type is HTML.
func (p *Page) HTML() bool {
	return strings.HasPrefix(strings.ToLower(p.Header.Get("Content-Type")), "text/html")
}

// Title returns the document's title; empty if it has none.
func (p *Page) Title() string {
	found := find(p.document(), func(n *html.Node) bool { return n.DataAtom == atom.Title })
	if found == nil {
		return ""
	}
	return text(found)
}

// TextOf returns the text of the first element that has the class, or an id with this prefix;
// empty if there is none.
func (p *Page) TextOf(idOrClass string) string {
	found := find(p.document(), func(n *html.Node) bool {
		if strings.HasPrefix(attribute(n, "id"), idOrClass) {
			return true
		}
		for _, class := range strings.Fields(attribute(n, "class")) {
			if class == idOrClass {
				return true
			}
		}
		return false
	})
	if found == nil {
		return ""
	}
	return text(found)
}

// document never fails: the parser accepts any input, as browsers do.
func (p *Page) document() *html.Node {
	root, err := html.Parse(bytes.NewReader(p.Body))
	if err != nil {
		return &html.Node{Type: html.DocumentNode}
	}
	return root
}

func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			return d
		}
	}
	return nil
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attribute(n *html.Node, name string) string {
	value, _ := lookup(n, name)
	return value
}

func lookup(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}
