package diff

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// walker compares by the tables.
type walker struct {
	contextual bool
	layouts    layouts
}

// isNil tells whether a side is absent.
func isNil(v reflect.Value) bool {
	if !v.IsValid() {
		return true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// member is the named field of a side; invalid when the side is absent.
func member(v reflect.Value, field string) reflect.Value {
	if isNil(v) {
		return reflect.Value{}
	}
	return reflect.Indirect(v).FieldByName(field)
}

// fields compares flat values; context also lists equal ones.
func fields(old, updated map[string]string, context bool) []*nomadlike.FieldDiff {
	var out []*nomadlike.FieldDiff
	names := make([]string, 0, len(old)+len(updated))
	for k := range old {
		names = append(names, k)
	}
	for k := range updated {
		if _, both := old[k]; !both {
			names = append(names, k)
		}
	}
	for _, name := range names {
		f := &nomadlike.FieldDiff{Name: name, Old: old[name], New: updated[name]}
		switch {
		case f.Old == f.New:
			if !context {
				continue
			}
			f.Type = None
		case f.Old == "":
			f.Type = Added
		case f.New == "":
			f.Type = Deleted
		default:
			f.Type = Edited
		}
		out = append(out, f)
	}
	sortFields(out)
	return out
}

// ownFields compares the scalars of a job, group or task, which list only what
// changed.
func (w walker) ownFields(s *shape, old, updated reflect.Value) []*nomadlike.FieldDiff {
	return fields(w.flat(s, old), w.flat(s, updated), false)
}

// object compares two objects of a shape; nil when they are equal.
func (w walker) object(s *shape, name string, old, updated reflect.Value) *nomadlike.ObjectDiff {
	d := &nomadlike.ObjectDiff{Name: name}
	d.Fields = fields(w.flat(s, old), w.flat(s, updated), w.contextual)
	d.Objects = w.children(s, old, updated)
	d.Type = fieldsType(d.Fields)
	holds := len(s.children) > 0 && (d.Type != None || len(d.Objects) > 0)
	if holds || d.Type == None && optional(old) != optional(updated) {
		d.Type = presence(isNil(old), isNil(updated))
	}
	if d.Type == None {
		return nil
	}
	return d
}

// optional tells whether a side is there that could have been left out: that
// alone is a difference, even without any value in it.
func optional(v reflect.Value) bool {
	return v.IsValid() && v.Kind() == reflect.Pointer && !v.IsNil()
}

// fieldsType is the type of an object that is nothing but fields.
func fieldsType(fields []*nomadlike.FieldDiff) string {
	added, deleted := false, false
	for _, f := range fields {
		switch f.Type {
		case Edited:
			return Edited
		case Added:
			added = true
		case Deleted:
			deleted = true
		}
	}
	switch {
	case added && deleted:
		return Edited
	case added:
		return Added
	case deleted:
		return Deleted
	}
	return None
}

// children compares what an object holds, in the order of its table.
func (w walker) children(s *shape, old, updated reflect.Value) []*nomadlike.ObjectDiff {
	var out []*nomadlike.ObjectDiff
	for n, c := range s.children {
		a, b := w.member(s, old, n), w.member(s, updated, n)
		if equal(a, b) {
			continue
		}
		var found []*nomadlike.ObjectDiff
		switch c.match {
		case single:
			found = w.one(c.shape, c.name, a, b)
		case stringSet:
			found = w.set(c.name, stringsOf(a), stringsOf(b))
		case opaque:
			found = w.opaque(c.name, a, b)
		case services:
			found = w.services(c, a, b)
		default:
			found = w.list(c, a, b)
		}
		out = append(out, found...)
	}
	return out
}

func (w walker) one(s *shape, name string, old, updated reflect.Value) []*nomadlike.ObjectDiff {
	if isNil(old) && isNil(updated) {
		return nil
	}
	if d := w.object(s, name, old, updated); d != nil {
		return []*nomadlike.ObjectDiff{d}
	}
	return nil
}

func stringsOf(v reflect.Value) []string {
	if isNil(v) {
		return nil
	}
	l := make([]string, v.Len())
	for i := range l {
		l[i], _ = text(v.Index(i))
	}
	return l
}

// set compares lists as sets: one field a member, all of the set's name.
func (w walker) set(name string, old, updated []string) []*nomadlike.ObjectDiff {
	d := &nomadlike.ObjectDiff{Name: name}
	before, after := distinct(old), distinct(updated)
	in := func(sorted []string, m string) bool {
		_, found := slices.BinarySearch(sorted, m)
		return found
	}
	for _, m := range after {
		switch {
		case !in(before, m):
			d.Fields = append(d.Fields, &nomadlike.FieldDiff{Type: Added, Name: name, New: m})
		case w.contextual:
			d.Fields = append(d.Fields, &nomadlike.FieldDiff{Type: None, Name: name, Old: m, New: m})
		}
	}
	for _, m := range before {
		if !in(after, m) {
			d.Fields = append(d.Fields, &nomadlike.FieldDiff{Type: Deleted, Name: name, Old: m})
		}
	}
	if d.Type = fieldsType(d.Fields); d.Type == None {
		return nil
	}
	sortFields(d.Fields)
	return []*nomadlike.ObjectDiff{d}
}

func distinct(list []string) []string {
	out := slices.Sorted(slices.Values(list))
	return slices.Compact(out)
}

// opaque compares values without a shape by their flattened paths.
func (w walker) opaque(name string, old, updated reflect.Value) []*nomadlike.ObjectDiff {
	a, b := map[string]string{}, map[string]string{}
	flatten(a, "", old)
	flatten(b, "", updated)
	d := &nomadlike.ObjectDiff{Name: name, Fields: fields(a, b, w.contextual)}
	if d.Type = fieldsType(d.Fields); d.Type == None {
		return nil
	}
	return []*nomadlike.ObjectDiff{d}
}

// flatten writes every scalar below v under its path: a, a[0], a[0][k].
func flatten(out map[string]string, path string, v reflect.Value) {
	if !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			if path != "" {
				out[path] = "nil"
			}
			return
		}
		flatten(out, path, v.Elem())
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			key := it.Key().String()
			if path != "" {
				key = path + "[" + key + "]"
			}
			flatten(out, key, it.Value())
		}
	case reflect.Slice:
		for i := range v.Len() {
			flatten(out, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	default:
		if s, ok := text(v); ok && path != "" {
			out[path] = s
		}
	}
}

// element is a member of a list or map with the key that pairs it.
type element struct {
	key   string
	value reflect.Value
}

// elements lists the members of a list or map with their keys.
func elements(c child, v reflect.Value) []element {
	if isNil(v) {
		return nil
	}
	var out []element
	if v.Kind() == reflect.Map {
		for it := v.MapRange(); it.Next(); {
			out = append(out, element{it.Key().String(), it.Value()})
		}
		slices.SortFunc(out, func(a, b element) int { return strings.Compare(a.key, b.key) })
		return out
	}
	for i := range v.Len() {
		e := v.Index(i)
		key := ""
		if c.match == byContent {
			key = content(e)
		} else {
			key, _ = text(member(e, c.key))
		}
		out = append(out, element{key, e})
	}
	return out
}

// content tells equal values from different ones.
func content(v reflect.Value) string {
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprintf("%#v", v.Interface()) // opaque values that JSON cannot write
	}
	return string(raw)
}

// list compares lists whose members pair by key or by content; the members are
// ordered by what changed.
func (w walker) list(c child, old, updated reflect.Value) []*nomadlike.ObjectDiff {
	before, after := elements(c, old), elements(c, updated)
	keyOf := func(e element) string { return e.key }
	was, is := byName(before, keyOf), byName(after, keyOf)
	var out []*nomadlike.ObjectDiff
	for _, key := range unionNames(before, after, keyOf) {
		out = append(out, w.one(c.shape, c.name, was[key].value, is[key].value)...)
	}
	sortObjects(out)
	return out
}

// Scores of two services for being the same one. A pair needs more than
// servicePairMin.
const (
	samePosition   = 1
	samePort       = 2
	sameName       = 3
	servicePairMin = 2
)

// services pairs each new service with the most similar old one that is left.
func (w walker) services(c child, old, updated reflect.Value) []*nomadlike.ObjectDiff {
	before, after := serviceList(old), serviceList(updated)
	taken := make([]bool, len(before))
	var out []*nomadlike.ObjectDiff
	for i, s := range after {
		best, bestScore := -1, servicePairMin
		for j, o := range before {
			if score := similarity(s, o, i == j); !taken[j] && score > bestScore {
				best, bestScore = j, score
			}
		}
		var was *nomadlike.Service
		if best >= 0 {
			taken[best], was = true, before[best]
		}
		out = append(out, w.one(c.shape, c.name, reflect.ValueOf(was), reflect.ValueOf(s))...)
	}
	for j, o := range before {
		if !taken[j] {
			out = append(out, w.one(c.shape, c.name, reflect.ValueOf(o), reflect.ValueOf((*nomadlike.Service)(nil)))...)
		}
	}
	sortObjects(out)
	return out
}

func serviceList(v reflect.Value) []*nomadlike.Service {
	if isNil(v) {
		return nil
	}
	l, _ := v.Interface().([]*nomadlike.Service)
	return l
}

func similarity(a, b *nomadlike.Service, position bool) int {
	score := 0
	if position {
		score += samePosition
	}
	if a.PortLabel == b.PortLabel {
		score += samePort
	}
	if a.Name == b.Name {
		score += sameName
	}
	return score
}
