// Package diff tells how two versions of a job differ, in the form that the
// plan and versions endpoints show. What is compared, under which name and in
// which order stands in tables; one engine walks them. The package decides
// nothing about what a difference means to running allocations: annotations
// repeat what the scheduler decided.
package diff

import (
	"cmp"
	"reflect"
	"slices"
	"sort"
	"strconv"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Types of differences.
const (
	None    = "None"
	Added   = "Added"
	Deleted = "Deleted"
	Edited  = "Edited"
)

// Job compares two versions of a job; either may be nil. A contextual
// difference also lists the unchanged fields of objects that changed.
func Job(old, updated *nomadlike.Job, contextual bool) *nomadlike.JobDiff {
	w := walker{contextual: contextual, layouts: layouts{}}
	d := &nomadlike.JobDiff{Type: presence(old == nil, updated == nil)}
	for _, j := range [...]*nomadlike.Job{updated, old} {
		if j != nil && d.ID == "" {
			d.ID = j.ID
		}
	}
	d.Fields = w.ownFields(jobShape, reflect.ValueOf(old), reflect.ValueOf(updated))
	d.Objects = w.children(jobShape, reflect.ValueOf(old), reflect.ValueOf(updated))
	changed := len(d.Fields) > 0 || len(d.Objects) > 0
	var before, after []*nomadlike.Group
	if old != nil {
		before = old.TaskGroups
	}
	if updated != nil {
		after = updated.TaskGroups
	}
	nameOf := func(g *nomadlike.Group) string { return g.Name }
	was, is := byName(before, nameOf), byName(after, nameOf)
	for _, name := range unionNames(before, after, nameOf) {
		g := w.group(was[name], is[name])
		d.TaskGroups = append(d.TaskGroups, g)
		changed = changed || g.Type != None
	}
	d.Type = settle(d.Type, changed)
	return d
}

// byName indexes a list; the first of several with one name counts.
func byName[T any](list []T, name func(T) string) map[string]T {
	out := make(map[string]T, len(list))
	for _, e := range list {
		if _, taken := out[name(e)]; !taken {
			out[name(e)] = e
		}
	}
	return out
}

// unionNames is every name of both lists, ordered.
func unionNames[T any](before, after []T, name func(T) string) []string {
	var names []string
	for _, list := range [...][]T{before, after} {
		for _, e := range list {
			names = append(names, name(e))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// presence is the type that follows from one side being absent; Edited when
// both are there, which settle may take back.
func presence(noOld, noNew bool) string {
	switch {
	case noOld && noNew:
		return None
	case noOld:
		return Added
	case noNew:
		return Deleted
	}
	return Edited
}

// settle turns an edit that changed nothing into none.
func settle(kind string, changed bool) string {
	if kind == Edited && !changed {
		return None
	}
	return kind
}

func (w walker) group(old, updated *nomadlike.Group) *nomadlike.GroupDiff {
	d := &nomadlike.GroupDiff{Type: presence(old == nil, updated == nil)}
	var before, after []*nomadlike.Task
	if old != nil {
		d.Name, before = old.Name, old.Tasks
	}
	if updated != nil {
		d.Name, after = updated.Name, updated.Tasks
	}
	same := equal(reflect.ValueOf(old), reflect.ValueOf(updated))
	if !same {
		d.Fields = w.ownFields(groupShape, reflect.ValueOf(old), reflect.ValueOf(updated))
		d.Objects = w.children(groupShape, reflect.ValueOf(old), reflect.ValueOf(updated))
	}
	changed := len(d.Fields) > 0 || len(d.Objects) > 0
	nameOf := func(t *nomadlike.Task) string { return t.Name }
	was, is := byName(before, nameOf), byName(after, nameOf)
	for _, name := range unionNames(before, after, nameOf) {
		t := &nomadlike.TaskDiff{Type: None, Name: name}
		if !same {
			t = w.task(name, was[name], is[name])
		}
		d.Tasks = append(d.Tasks, t)
		changed = changed || t.Type != None
	}
	d.Type = settle(d.Type, changed)
	return d
}

func (w walker) task(name string, old, updated *nomadlike.Task) *nomadlike.TaskDiff {
	d := &nomadlike.TaskDiff{Type: presence(old == nil, updated == nil), Name: name}
	d.Fields = w.ownFields(taskShape, reflect.ValueOf(old), reflect.ValueOf(updated))
	d.Objects = w.children(taskShape, reflect.ValueOf(old), reflect.ValueOf(updated))
	d.Type = settle(d.Type, len(d.Fields) > 0 || len(d.Objects) > 0)
	return d
}

// sortFields orders fields by name, then by their values.
func sortFields(fields []*nomadlike.FieldDiff) {
	slices.SortFunc(fields, compareFields)
}

func compareFields(a, b *nomadlike.FieldDiff) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
}

// rank orders types within objects of one name.
func rank(kind string) int {
	switch kind {
	case Edited:
		return 0
	case Added:
		return 1
	case Deleted:
		return 2
	}
	return 3
}

// sortObjects orders objects by name, type, number of fields and fields.
func sortObjects(objects []*nomadlike.ObjectDiff) {
	sort.SliceStable(objects, func(i, j int) bool { return compareObjects(objects[i], objects[j]) < 0 })
}

func compareObjects(a, b *nomadlike.ObjectDiff) int {
	if c := cmp.Or(
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(rank(a.Type), rank(b.Type)),
		cmp.Compare(len(a.Fields), len(b.Fields)),
	); c != 0 {
		return c
	}
	for i := range a.Fields {
		if c := compareFields(a.Fields[i], b.Fields[i]); c != 0 {
			return c
		}
	}
	return compareNested(a.Objects, b.Objects)
}

func compareNested(a, b []*nomadlike.ObjectDiff) int {
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	for i := range a {
		if c := compareObjects(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// text is a scalar as differences show it; ok is false for nil pointers and for
// what is no scalar.
func text(v reflect.Value) (s string, ok bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "", false
		}
		return text(v.Elem())
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), true
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), true
	}
	return "", false
}
