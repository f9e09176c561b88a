package realmbaseline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-sso/mlflow-sso/internal/check"
	"github.com/mlflow-sso/mlflow-sso/internal/ui/report"
)

// The IDs of the findings, which are drift.
const (
	ObjectUnmanaged     check.ID = "realm-object-unmanaged"
	ObjectChanged       check.ID = "realm-object-changed"
	ObjectMissing       check.ID = "realm-object-missing"
	AdminUndeclared     check.ID = "administrator-undeclared"
	RealmAdminUnmanaged check.ID = "realm-administrator"
)

// object is the differences of one object in a realm.
type object struct {
	// there and wanted report whether it exists, and should.
	there, wanted bool
	properties    []report.Property
}

// compare reports the differences, one finding for each object.
func compare(got, want document) []check.Finding {
	objects := map[string]*object{}
	of := func(path string) (*object, string) {
		name, rest := split(path)
		if objects[name] == nil {
			objects[name] = &object{}
		}
		return objects[name], rest
	}
	for path := range got {
		o, _ := of(path)
		o.there = true
	}
	for path := range want {
		o, _ := of(path)
		o.wanted = true
	}
	differs := func(path string) {
		o, rest := of(path)
		o.properties = append(o.properties, report.Property{Name: rest, Old: shown(path, got[path]), New: shown(path, want[path])})
	}
	for path, value := range got {
		if !bytes.Equal(value, want[path]) {
			differs(path)
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			differs(path)
		}
	}
	found := make([]check.Finding, 0, len(objects))
	for name, o := range objects {
		if len(o.properties) > 0 {
			found = append(found, o.finding(name))
		}
	}
	slices.SortFunc(found, func(a, b check.Finding) int { return strings.Compare(a.Cause, b.Cause) })
	return found
}

// finding describes the difference: the whole object, or some of its properties.
func (o *object) finding(name string) check.Finding {
	f := check.Finding{Component: check.Realm, Cause: name}
	switch {
	case !o.wanted:
		f.ID, f.Summary, f.Next = ObjectUnmanaged, name+": "+check.Unmanaged, "remove it "+inTheConsole+" if no one needs it"
		f.Got, f.Wanted = "it exists", "no such object"
	case !o.there:
		f.ID, f.Summary, f.Next = ObjectMissing, name+": gone", "create it again "+inTheConsole
		f.Got, f.Wanted = "it does not exist", "the object of a fresh realm"
	default:
		slices.SortFunc(o.properties, func(a, b report.Property) int { return strings.Compare(a.Name, b.Name) })
		f.ID, f.Summary, f.Next = ObjectChanged, name+": changed manually", "put it back as it was "+inTheConsole
		for _, p := range o.properties {
			f.Summary += fmt.Sprintf("; %s: got %s, want %s", p.Name, report.Value(p.Old), report.Value(p.New))
		}
		f.Got, f.Wanted = report.Sides(o.properties)
	}
	return f
}
