package diff

import (
	"reflect"
	"slices"
	"strings"
)

// layouts remembers, for one comparison, how the fields of nouns map to a
// shape: a large job has the same few nouns thousands of times.
type layouts map[layoutKey]*layout

type layoutKey struct {
	shape *shape
	noun  reflect.Type
}

// layout is where a noun holds what its shape shows.
type layout struct {
	scalars  []scalar
	children []int // field of each child of the shape
}

// scalar is a field that is shown as text.
type scalar struct {
	field  int
	name   string
	joined bool // a list that is shown as one text
	keyed  bool // a map of texts, each shown by itself
	sparse bool // not shown while it is zero
}

// of is the layout of a noun.
func (l layouts) of(s *shape, noun reflect.Type) *layout {
	key := layoutKey{s, noun}
	if known := l[key]; known != nil {
		return known
	}
	out := &layout{children: make([]int, len(s.children))}
	for i := range noun.NumField() {
		f := noun.Field(i)
		for n, c := range s.children {
			if c.field == f.Name {
				out.children[n] = i
			}
		}
		if f.PkgPath != "" || slices.Contains(s.hidden, f.Name) {
			continue
		}
		sc := scalar{field: i, name: f.Name, joined: slices.Contains(s.joined, f.Name), sparse: slices.Contains(s.sparse, f.Name)}
		sc.keyed = f.Type.Kind() == reflect.Map && f.Type.Elem().Kind() == reflect.String
		if sc.joined || sc.keyed || isText(f.Type) {
			out.scalars = append(out.scalars, sc)
		}
	}
	l[key] = out
	return out
}

// isText tells whether values of a type may be shown as text.
func isText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer:
		return isText(t.Elem())
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		return false
	}
	return true
}

// flat is the scalars and string maps of one side.
func (w walker) flat(s *shape, v reflect.Value) map[string]string {
	if isNil(v) {
		return nil
	}
	v = reflect.Indirect(v)
	fields := w.layouts.of(s, v.Type()).scalars
	out := make(map[string]string, len(fields))
	for _, sc := range fields {
		f := v.Field(sc.field)
		switch {
		case sc.sparse && f.IsZero():
		case sc.joined:
			out[sc.name] = strings.Join(stringsOf(f), ",")
		case sc.keyed:
			for it := f.MapRange(); it.Next(); {
				out[sc.name+"["+it.Key().String()+"]"] = it.Value().String()
			}
		default:
			if value, ok := text(f); ok {
				out[sc.name] = value
			}
		}
	}
	return out
}

// member is the n-th child of a side; invalid when the side is absent.
func (w walker) member(s *shape, v reflect.Value, n int) reflect.Value {
	if isNil(v) {
		return reflect.Value{}
	}
	v = reflect.Indirect(v)
	return v.Field(w.layouts.of(s, v.Type()).children[n])
}

// equal tells whether two sides are certainly the same, which spares the walk
// through most of a job.
func equal(old, updated reflect.Value) bool {
	if !old.IsValid() || !updated.IsValid() {
		return old.IsValid() == updated.IsValid()
	}
	return old.Type() == updated.Type() && reflect.DeepEqual(old.Interface(), updated.Interface())
}
