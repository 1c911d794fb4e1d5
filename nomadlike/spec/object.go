package spec

import (
	"maps"
	"strings"
	"time"
)

// dur is a duration as documents hold it.
func dur(d time.Duration) int64 { return int64(d) }

// str is the string at key, or "".
func str(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

// child is the object at key, or nil.
func child(o object, key string) object {
	c, _ := o[key].(object)
	return c
}

// list is the objects of the list at key.
func list(o object, key string) []object {
	l, _ := o[key].([]any)
	out := make([]object, 0, len(l))
	for _, e := range l {
		if c, ok := e.(object); ok && c != nil {
			out = append(out, c)
		}
	}
	return out
}

// fill sets the members of defaults that o does not say.
func fill(o, defaults object) {
	for k, v := range defaults {
		if o[k] == nil {
			o[k] = v
		}
	}
}

// setIfZero sets members that have no unset form: zero takes the default.
func setIfZero(o, defaults object) {
	for k, v := range defaults {
		switch o[k] {
		case nil, "", int64(0):
			o[k] = v
		}
	}
}

// merge copies base and lays over it what the other says; nil when both are.
func merge(base, over object) object {
	if base == nil && over == nil {
		return nil
	}
	out := clone(base)
	if out == nil {
		out = make(object, len(over))
	}
	for k, v := range over {
		if v != nil {
			out[k] = v
		}
	}
	return out
}

// clone copies the object itself; nil stays nil.
func clone(o object) object { return maps.Clone(o) }

func isEmptyList(o object, key string) bool {
	l, _ := o[key].([]any)
	return len(l) == 0
}

// nilIfEmpty makes empty lists and maps null.
func nilIfEmpty(o object, keys ...string) {
	for _, k := range keys {
		switch v := o[k].(type) {
		case []any:
			if len(v) == 0 {
				o[k] = nil
			}
		case object:
			if len(v) == 0 {
				o[k] = nil
			}
		}
	}
}

func upperCase(o object, key string) {
	if s, ok := o[key].(string); ok {
		o[key] = strings.ToUpper(s)
	}
}
