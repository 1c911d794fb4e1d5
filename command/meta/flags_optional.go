package meta

import (
	"errors"
	"strconv"

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
