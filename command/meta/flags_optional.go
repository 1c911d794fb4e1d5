package meta

import (
	"errors"
	"strconv"
	"time"

	"github.com/posener/complete"
)

// OptionalBool declares a switch that needs no value and may be left out; *p is
// nil then.
func (f *Flags) OptionalBool(p **bool, name, text string) {
	f.set.BoolFunc(name, "", func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("must be true or false")
		}
		*p = &b
		return nil
	})
	f.doc(name, "", text, true).predict = complete.PredictNothing
}

// OptionalDuration declares a duration that may be left out; *p is nil then.
func (f *Flags) OptionalDuration(p **time.Duration, name, value, text string) {
	f.set.Func(name, "", func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("must be a duration such as 30s or 1h")
		}
		*p = &d
		return nil
	})
	f.doc(name, value, text, false)
}

// OptionalString declares a text that may be left out; *p is nil then.
func (f *Flags) OptionalString(p **string, name, value, text string) {
	f.set.Func(name, "", func(s string) error {
		*p = &s
		return nil
	})
	f.doc(name, value, text, false)
}
