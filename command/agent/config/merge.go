package config

import "reflect"

// Merge writes over c what other says, by the same rules as a later file.
func (c *Config) Merge(other *Config) {
	merge(reflect.ValueOf(c).Elem(), reflect.ValueOf(other).Elem())
}

func merge(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			merge(to.Field(i), from.Field(i))
		}
	case reflect.Map:
		if from.IsNil() {
			return
		}
		if to.IsNil() {
			to.Set(reflect.MakeMap(to.Type()))
		}
		for it := from.MapRange(); it.Next(); {
			to.SetMapIndex(it.Key(), it.Value())
		}
	default:
		if !from.IsZero() {
			to.Set(from)
		}
	}
}
