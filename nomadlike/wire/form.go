package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Allocations are most of what is ever encoded, so their form is written and
// read by hand; the bytes are those that the library makes of allocForm.

// CBOR, RFC 8949: the major type is in the upper three bits of the first byte,
// the number or length in the lower five, or in the 1, 2, 4 or 8 bytes after it.
const (
	majorUint  = 0 << 5
	majorInt   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMask  = 7 << 5

	followsOne = 24
	followsMax = followsOne + 3
	null       = 0xf6
)

// allocFields is how many elements an allocForm has.
const allocFields = 29

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

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorInt, uint64(-(n + 1)))
	}
	return appendHead(b, majorUint, uint64(n))
}

// appendValue appends what the library makes of v.
func appendValue(b []byte, v any, absent bool) ([]byte, error) {
	if absent {
		return append(b, null), nil
	}
	out, err := Encode(v)
	return append(b, out...), err
}

// append appends the form.
func (f *allocForm) append(b []byte) (_ []byte, err error) {
	b = appendHead(b, majorArray, allocFields)
	b = appendText(appendText(b, f.ID), f.Name)
	for _, n := range f.references() {
		b = appendHead(b, majorUint, uint64(*n))
	}
	b = appendHead(b, majorUint, f.JobVersion)
	b = appendHead(b, majorUint, uint64(f.AllocatedResources))
	b = appendHead(b, majorUint, uint64(f.Metrics))
	if b, err = appendValue(b, f.DeploymentStatus, f.DeploymentStatus == nil); err != nil {
		return nil, err
	}
	b = f.TaskStates.AppendCBOR(b)
	if b, err = appendValue(b, f.NetworkStatus, f.NetworkStatus == nil); err != nil {
		return nil, err
	}
	if b, err = appendValue(b, f.RescheduleTracker, f.RescheduleTracker == nil); err != nil {
		return nil, err
	}
	for _, n := range [...]uint64{f.CreateIndex, f.ModifyIndex, f.AllocModifyIndex} {
		b = appendHead(b, majorUint, n)
	}
	b = appendInt(appendInt(b, f.CreateTime), f.ModifyTime)
	return appendValue(b, f.More, f.More == nil)
}

// references are the positions of shared texts, in the order of the form.
func (f *allocForm) references() [14]*uint32 {
	return [...]*uint32{
		&f.Namespace, &f.JobID, &f.TaskGroup, &f.EvalID, &f.NodeID, &f.NodeName,
		&f.DesiredStatus, &f.DesiredDescription, &f.ClientStatus, &f.ClientDescription,
		&f.PreviousAllocation, &f.NextAllocation, &f.DeploymentID, &f.SigningKeyID,
	}
}

var (
	errFormShort = errors.New("it ends too early")
	errFormType  = errors.New("an element is of another type than expected")
	errFormRange = errors.New("a number is out of range")
	errFormRest  = errors.New("there are bytes after its end")
)

// formReader reads a form.
type formReader struct{ b []byte }

// head reads a number or length of the major type.
func (r *formReader) head(major byte) (uint64, error) {
	if len(r.b) == 0 {
		return 0, errFormShort
	}
	first := r.b[0]
	if first&majorMask != major {
		return 0, errFormType
	}
	low := first &^ majorMask
	if low < followsOne {
		r.b = r.b[1:]
		return uint64(low), nil
	}
	if low > followsMax {
		return 0, errFormType
	}
	size := 1 << (low - followsOne)
	if len(r.b) < 1+size {
		return 0, errFormShort
	}
	var n uint64
	for _, c := range r.b[1 : 1+size] {
		n = n<<8 | uint64(c)
	}
	r.b = r.b[1+size:]
	return n, nil
}

func (r *formReader) uint32(to *uint32) error {
	n, err := r.head(majorUint)
	if err == nil && n > math.MaxUint32 {
		err = errFormRange
	}
	*to = uint32(n)
	return err
}

func (r *formReader) uint64(to *uint64) (err error) {
	*to, err = r.head(majorUint)
	return err
}

func (r *formReader) int64(to *int64) error {
	major := byte(majorUint)
	if len(r.b) > 0 && r.b[0]&majorMask == majorInt {
		major = majorInt
	}
	n, err := r.head(major)
	if err == nil && n > math.MaxInt64 {
		err = errFormRange
	}
	if *to = int64(n); major == majorInt {
		*to = -*to - 1
	}
	return err
}

func (r *formReader) text(to *string) error {
	n, err := r.head(majorText)
	if err != nil {
		return err
	}
	if n > uint64(len(r.b)) {
		return errFormShort
	}
	*to, r.b = string(r.b[:n]), r.b[n:]
	return nil
}

// array reads the head of an array; every element takes a byte at least.
func (r *formReader) array() (int, error) {
	n, err := r.head(majorArray)
	if err == nil && n > uint64(len(r.b)) {
		err = errFormShort
	}
	return int(n), err
}

// value reads what the library wrote, or null, which leaves to as it is.
func (r *formReader) value(to any) (err error) {
	if len(r.b) > 0 && r.b[0] == null {
		r.b = r.b[1:]
		return nil
	}
	r.b, err = modes.dec.UnmarshalFirst(r.b, to)
	return err
}

// states reads the packed form of task states, or null.
func (r *formReader) states(to *nl.TaskStates) error {
	if len(r.b) > 0 && r.b[0] == null {
		r.b = r.b[1:]
		return nil
	}
	n, err := r.head(majorBytes)
	if err == nil && n > uint64(len(r.b)) {
		err = errFormShort
	}
	if err != nil {
		return err
	}
	*to, err = nl.UnpackTaskStates(string(r.b[:n]))
	r.b = r.b[n:]
	return err
}

// alloc reads a form.
func (r *formReader) alloc(f *allocForm) error {
	n, err := r.array()
	if err == nil && n != allocFields {
		err = fmt.Errorf("it has %d elements instead of %d", n, allocFields)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(r.text(&f.ID), r.text(&f.Name)); err != nil {
		return err
	}
	for _, to := range f.references() {
		if err := r.uint32(to); err != nil {
			return err
		}
	}
	for _, read := range [...]error{
		r.uint64(&f.JobVersion), r.uint32(&f.AllocatedResources), r.uint32(&f.Metrics),
		r.value(&f.DeploymentStatus), r.states(&f.TaskStates), r.value(&f.NetworkStatus), r.value(&f.RescheduleTracker),
		r.uint64(&f.CreateIndex), r.uint64(&f.ModifyIndex), r.uint64(&f.AllocModifyIndex),
		r.int64(&f.CreateTime), r.int64(&f.ModifyTime), r.value(&f.More),
	} {
		if read != nil {
			return read
		}
	}
	return nil
}
