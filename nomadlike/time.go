package nomadlike

import "time"

// Time is an instant that JSON shows as RFC 3339 with nanoseconds, or as null
// when unset. The zero value is unset.
type Time struct{ time.Time }

// MarshalJSON writes null for the unset time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}
