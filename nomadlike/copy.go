package nomadlike

import (
	"reflect"
	"time"
)

// Copy is a deep copy, for changing a job that state holds.
func (j *Job) Copy() *Job { return deepCopy(j) }

// Copy is a deep copy.
func (n *Node) Copy() *Node { return deepCopy(n) }

// Copy is a deep copy.
func (d *Deployment) Copy() *Deployment { return deepCopy(d) }

// Copy is a shallow copy: enough to change fields of the evaluation itself.
func (e *Eval) Copy() *Eval { c := *e; return &c }

// Copy is a shallow copy: what it points to (job, resources, metrics, task
// states) stays shared and must be replaced, not changed.
func (a *Alloc) Copy() *Alloc { c := *a; return &c }

// DeepCopy copies a noun, or a part of one, with everything reachable from it.
func DeepCopy[T any](v T) T { return deepCopy(v) }

// deepCopy copies everything reachable from v. Nouns hold plain values,
// pointers, slices, maps and interfaces of those.
func deepCopy[T any](v T) T {
	return copyValue(reflect.ValueOf(v)).Interface().(T)
}

var timeType = reflect.TypeFor[time.Time]()

func copyValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(copyValue(v.Elem()))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(copyValue(v.Elem()))
		return out
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(copyValue(v.Index(i)))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), copyValue(it.Value()))
		}
		return out
	case reflect.Struct:
		if v.Type() == timeType {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(copyValue(v.Field(i)))
			}
		}
		return out
	}
	return v
}
