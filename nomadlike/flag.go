package nomadlike

import (
	"errors"
	"fmt"
)

// Flag is a bool that may be absent, in one byte: JSON and CBOR show the absent
// one, which is the zero value, as null.
type Flag uint8

// The values of a Flag.
const (
	Absent Flag = iota
	No
	Yes
)

// FlagOf is Yes or No.
func FlagOf(set bool) Flag {
	if set {
		return Yes
	}
	return No
}

// MarshalJSON writes null, false or true.
func (f Flag) MarshalJSON() ([]byte, error) {
	switch f {
	case Absent:
		return []byte("null"), nil
	case No:
		return []byte("false"), nil
	}
	return []byte("true"), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Flag) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null":
		*f = Absent
	case "false":
		*f = No
	case "true":
		*f = Yes
	default:
		return fmt.Errorf("decoding a flag: %.20q is neither true nor false nor null", b)
	}
	return nil
}

// Simple values of CBOR, RFC 8949.
const (
	cborFalse = 0xf4
	cborTrue  = 0xf5
)

// MarshalCBOR writes null, false or true.
func (f Flag) MarshalCBOR() ([]byte, error) {
	return []byte{[...]byte{Absent: cborNull, No: cborFalse, Yes: cborTrue}[min(f, Yes)]}, nil
}

var errFlagForm = errors.New("decoding a flag: it is neither true nor false nor null")

// UnmarshalCBOR reads what MarshalCBOR writes.
func (f *Flag) UnmarshalCBOR(b []byte) error {
	if len(b) != 1 {
		return errFlagForm
	}
	switch b[0] {
	case cborNull:
		*f = Absent
	case cborFalse:
		*f = No
	case cborTrue:
		*f = Yes
	default:
		return errFlagForm
	}
	return nil
}
