package admit

import "reflect"

// same tells whether two values say the same: nil and empty collections are
// alike, and so are whole numbers of different types in opaque values, since
// neither survives every encoding.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Interface {
		a = a.Elem()
	}
	if b.Kind() == reflect.Interface {
		b = b.Elem()
	}
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return a.Pointer() == b.Pointer() || same(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for it := a.MapRange(); it.Next(); {
			other := b.MapIndex(it.Key())
			if !other.IsValid() || !same(it.Value(), other) {
				return false
			}
		}
		return true
	case reflect.String:
		return a.String() == b.String()
	case reflect.Bool:
		return a.Bool() == b.Bool()
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// quantity is a number in a form that compares exactly.
type quantity struct {
	whole    int64
	unsigned uint64  // beyond the range of whole
	fraction float64 // where it is not whole
}

func number(v reflect.Value) (quantity, bool) {
	switch {
	case v.CanInt():
		return quantity{whole: v.Int()}, true
	case v.CanUint():
		if i := int64(v.Uint()); i >= 0 {
			return quantity{whole: i}, true
		}
		return quantity{unsigned: v.Uint()}, true
	case v.CanFloat():
		f := v.Float()
		if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
			return quantity{whole: i}, true
		}
		return quantity{fraction: f}, true
	}
	return quantity{}, false
}
