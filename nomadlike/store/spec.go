package store

import (
	"reflect"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// sameSpec tells whether two jobs differ only in what servers manage. Lists
// and maps that are absent equal empty ones.
func sameSpec(a, b *nl.Job) bool {
	x, y := specOf(a), specOf(b)
	return same(reflect.ValueOf(&x).Elem(), reflect.ValueOf(&y).Elem())
}

// specOf is the job without the fields that servers manage.
func specOf(j *nl.Job) nl.Job {
	s := *j
	s.Status, s.StatusDescription, s.Stable, s.Version = "", "", false, 0
	s.CreateIndex, s.ModifyIndex, s.JobModifyIndex, s.SubmitTime = 0, 0, 0, 0
	s.VersionTag = nil
	return s
}

func same(a, b reflect.Value) bool {
	if a.Kind() != b.Kind() || a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		if a.Kind() == reflect.Pointer && a.Pointer() == b.Pointer() {
			return true
		}
		return same(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
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
		for _, key := range a.MapKeys() {
			if other := b.MapIndex(key); !other.IsValid() || !same(a.MapIndex(key), other) {
				return false
			}
		}
		return true
	}
	return a.Equal(b)
}

// samePolicy compares what a job says of a policy.
func samePolicy(a, b *nl.ScalingPolicy) bool {
	x, y := *a, *b
	x.CreateIndex, x.ModifyIndex, y.CreateIndex, y.ModifyIndex = 0, 0, 0, 0
	return same(reflect.ValueOf(&x).Elem(), reflect.ValueOf(&y).Elem())
}
