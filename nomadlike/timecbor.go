package nomadlike

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// The log, snapshots and RPC carry a Time as its Unix nanoseconds (a CBOR
// integer), and the unset time as null.
const (
	cborNull     = 0xf6
	cborUint     = 0x00 // major type in the upper three bits
	cborNegative = 0x20
	cborOneByte  = 24 // lower five bits: the number follows in 1, 2, 4 or 8 bytes
)

// MarshalCBOR writes the shortest form of the integer.
func (t Time) MarshalCBOR() ([]byte, error) {
	if t.IsZero() {
		return []byte{cborNull}, nil
	}
	n := t.UnixNano()
	major, u := byte(cborUint), uint64(n)
	if n < 0 {
		major, u = cborNegative, uint64(-(n + 1))
	}
	switch {
	case u < cborOneByte:
		return []byte{major | byte(u)}, nil
	case u <= math.MaxUint8:
		return []byte{major | cborOneByte, byte(u)}, nil
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16([]byte{major | cborOneByte + 1}, uint16(u)), nil
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32([]byte{major | cborOneByte + 2}, uint32(u)), nil
	}
	return binary.BigEndian.AppendUint64([]byte{major | cborOneByte + 3}, u), nil
}

var errTimeForm = errors.New("decoding a time: it is neither an integer nor null")

// UnmarshalCBOR reads what MarshalCBOR writes; the time is in UTC.
func (t *Time) UnmarshalCBOR(b []byte) error {
	if len(b) == 1 && b[0] == cborNull {
		*t = Time{}
		return nil
	}
	if len(b) == 0 || b[0]&0xe0 > cborNegative {
		return errTimeForm
	}
	var u uint64
	switch low, rest := b[0]&0x1f, b[1:]; {
	case low < cborOneByte && len(rest) == 0:
		u = uint64(low)
	case low == cborOneByte && len(rest) == 1:
		u = uint64(rest[0])
	case low == cborOneByte+1 && len(rest) == 2:
		u = uint64(binary.BigEndian.Uint16(rest))
	case low == cborOneByte+2 && len(rest) == 4:
		u = uint64(binary.BigEndian.Uint32(rest))
	case low == cborOneByte+3 && len(rest) == 8:
		u = binary.BigEndian.Uint64(rest)
	default:
		return errTimeForm
	}
	if u > math.MaxInt64 {
		return errTimeForm
	}
	n := int64(u)
	if b[0]&0xe0 == cborNegative {
		n = -1 - n
	}
	*t = Time{time.Unix(0, n).UTC()}
	return nil
}
