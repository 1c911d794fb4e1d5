package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// What is encoded by the million is written and read by hand, with these. The
// bytes are those that Encode makes: CBOR, RFC 8949, in which the major type is
// in the upper three bits of the first byte, the number or length in the lower
// five, or in the 1, 2, 4 or 8 bytes after it.
const (
	majorUint   = 0 << 5
	majorInt    = 1 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	majorMap    = 5 << 5
	majorTag    = 6 << 5
	majorSimple = 7 << 5
	majorMask   = 7 << 5

	followsOne = 24
	followsMax = followsOne + 3

	falseByte = majorSimple | 20
	trueByte  = majorSimple | 21
	nullByte  = majorSimple | 22
)

// Appender is a message that writes itself: what Encode makes of it, without
// copies on the way.
type Appender interface {
	AppendCBOR(b []byte) ([]byte, error)
}

// Form is a message that also reads itself, all of the bytes, whatever they are:
// the library need not look through them beforehand. As with Decode, what was
// read refers to none of the bytes, which are another message's afterwards.
type Form interface {
	Appender
	UnmarshalCBOR(b []byte) error
}

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < followsOne:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|followsOne, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|(followsOne+1)), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|(followsOne+2)), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|followsMax), n)
}

// AppendArray begins an array of n elements.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendMap begins a map of n pairs. Keys are to be in the order of their
// bytes, shorter ones first.
func AppendMap(b []byte, n int) []byte { return appendHead(b, majorMap, uint64(n)) }

// AppendText appends a text.
func AppendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

// AppendBytes appends a string of bytes; nil is null.
func AppendBytes(b, s []byte) []byte {
	if s == nil {
		return AppendNull(b)
	}
	return append(appendHead(b, majorBytes, uint64(len(s))), s...)
}

// AppendUint appends a number.
func AppendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

// AppendInt appends a number.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorInt, uint64(-(n + 1)))
	}
	return appendHead(b, majorUint, uint64(n))
}

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, trueByte)
	}
	return append(b, falseByte)
}

// AppendNull appends null.
func AppendNull(b []byte) []byte { return append(b, nullByte) }

// appendItem appends what Encode makes of v; nil is null.
func appendItem[T any](b []byte, v *T) ([]byte, error) {
	if v == nil {
		return AppendNull(b), nil
	}
	return appendAny(b, v)
}

// appendAny appends what Encode makes of v.
func appendAny(b []byte, v any) ([]byte, error) {
	form, err := Encode(v)
	return append(b, form...), err
}

var (
	errShort = errors.New("it ends too early")
	errType  = errors.New("an element is of another type than expected")
	errRange = errors.New("a number is out of range")
	errRest  = errors.New("there are bytes after its end")
	errDepth = errors.New("it nests too deep")
)

// Reader reads what the functions above wrote, whatever the bytes. After the
// first error everything it reads is zero. What it gives is a copy: only this
// package looks at the bytes themselves.
type Reader struct {
	b   []byte
	err error
}

// NewReader reads b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err is the first error; bytes that were not read are none.
func (r *Reader) Err() error { return r.err }

// Close is the first error; bytes that were not read are one.
func (r *Reader) Close() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errRest
	}
	return r.err
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// head reads a number or length of the major type.
func (r *Reader) head(major byte) uint64 {
	if len(r.b) == 0 {
		r.fail(errShort)
		return 0
	}
	if r.b[0]&majorMask != major {
		r.fail(errType)
		return 0
	}
	return r.length()
}

// length reads the rest of a head, of whatever type.
func (r *Reader) length() uint64 {
	low := r.b[0] &^ majorMask
	if low < followsOne {
		r.b = r.b[1:]
		return uint64(low)
	}
	if low > followsMax {
		r.fail(errType)
		return 0
	}
	size := 1 << (low - followsOne)
	if len(r.b) < 1+size {
		r.fail(errShort)
		return 0
	}
	var n uint64
	for _, c := range r.b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	r.b = r.b[1+size:]
	return n
}

// take is the next n bytes.
func (r *Reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// Uint reads a number.
func (r *Reader) Uint() uint64 { return r.head(majorUint) }

func (r *Reader) uint32() uint32 {
	n := r.Uint()
	if n > math.MaxUint32 {
		r.fail(errRange)
		return 0
	}
	return uint32(n)
}

// Int reads a number.
func (r *Reader) Int() int64 {
	negative := len(r.b) > 0 && r.b[0]&majorMask == majorInt
	major := byte(majorUint)
	if negative {
		major = majorInt
	}
	n := r.head(major)
	if n > math.MaxInt64 {
		r.fail(errRange)
		return 0
	}
	if negative && r.err == nil {
		return -int64(n) - 1
	}
	return int64(n)
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.text()) }

// Texts reads two texts into one string, of which both are parts: an object less
// for the collector of garbage, where there are millions.
func (r *Reader) Texts() (first, second string) {
	input := r.b
	one := len(r.text())
	end := len(input) - len(r.b) // of the first
	two := len(r.text())
	if r.err != nil {
		return "", ""
	}
	both := string(input[end-one : len(input)-len(r.b)])
	return both[:one], both[len(both)-two:]
}

// text reads a text, whose bytes stay those of the input.
func (r *Reader) text() []byte { return r.take(r.head(majorText)) }

// Bytes reads a string of bytes; null is nil.
func (r *Reader) Bytes() []byte { return bytes.Clone(r.bytes()) }

// bytes reads a string of bytes, which stay those of the input; null is nil.
func (r *Reader) bytes() []byte {
	if r.Null() {
		return nil
	}
	return r.take(r.head(majorBytes))
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch {
	case len(r.b) == 0:
		r.fail(errShort)
	case r.b[0] == trueByte:
		r.b = r.b[1:]
		return true
	case r.b[0] == falseByte:
		r.b = r.b[1:]
	default:
		r.fail(errType)
	}
	return false
}

// Null reads null, if that is what comes next.
func (r *Reader) Null() bool {
	if len(r.b) == 0 || r.b[0] != nullByte {
		return false
	}
	r.b = r.b[1:]
	return true
}

// Array reads how many elements follow, each a byte at least.
func (r *Reader) Array() int { return r.count(majorArray, 1) }

// Map reads how many pairs follow, each two bytes at least.
func (r *Reader) Map() int { return r.count(majorMap, 2) }

func (r *Reader) count(major byte, least uint64) int {
	n := r.head(major)
	if n > uint64(len(r.b))/least {
		r.fail(errShort)
		return 0
	}
	return int(n)
}

// Skip passes over one element.
func (r *Reader) Skip() { r.skip(nestedLevelsMax) }

func (r *Reader) skip(levels int) {
	switch {
	case len(r.b) == 0:
		r.fail(errShort)
		return
	case levels == 0:
		r.fail(errDepth)
		return
	}
	major := r.b[0] & majorMask
	n := r.length() // of a float: its bytes, which have been read with it
	switch major {
	case majorBytes, majorText:
		r.take(n)
	case majorMap:
		r.skipAll(n, 2, levels)
	case majorArray:
		r.skipAll(n, 1, levels)
	case majorTag:
		r.skip(levels - 1)
	}
}

func (r *Reader) skipAll(n, each uint64, levels int) {
	if n > uint64(len(r.b))/each {
		r.fail(errShort)
		return
	}
	for i := uint64(0); i < n*each && r.err == nil; i++ {
		r.skip(levels - 1)
	}
}

// raw is the next element as it is written.
func (r *Reader) raw() []byte {
	from := r.b
	r.Skip()
	return from[:len(from)-len(r.b)]
}

// readItem reads what Encode wrote; null is nil.
func readItem[T any](r *Reader) *T {
	if r.err != nil || r.Null() {
		return nil
	}
	out := new(T)
	rest, err := modes.dec.UnmarshalFirst(r.b, out)
	if err != nil {
		r.fail(err)
		return nil
	}
	r.b = rest
	return out
}
