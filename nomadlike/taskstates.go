package nomadlike

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
)

// TaskStates are the states of an allocation's tasks by name, packed: state
// keeps them for millions of allocations and reads them seldom, the log and
// calls between agents carry them as they are, and nothing of them is a pointer
// that a collection of garbage would follow. The zero value is the absent map,
// which JSON shows as null. Equal states have equal values.
//
// A packed value is the byte packedVersion, the number of tasks, and for each,
// in the order of names, what putState writes. Numbers are varints of
// encoding/binary, texts as putText writes them.
type TaskStates struct{ packed string }

// PackTaskStates packs states; nil gives the zero value, and tasks without a
// state are left out.
func PackTaskStates(states map[string]*TaskState) TaskStates {
	if states == nil {
		return TaskStates{}
	}
	const typical = 96 // bytes of a task that runs
	p := packer{b: make([]byte, 0, typical*len(states)+2)}
	names := make([]string, 0, 4) // stays on the stack for most groups
	for name, state := range states {
		if state != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	p.b = append(p.b, packedVersion)
	p.number(uint64(len(names)))
	for _, name := range names {
		p.putText(name)
		p.putState(states[name])
	}
	return TaskStates{string(p.b)}
}

// IsZero tells whether there are no states at all, as for an allocation that
// no node has told of.
func (s TaskStates) IsZero() bool { return s.packed == "" }

// Equal tells whether the states are the same.
func (s TaskStates) Equal(other TaskStates) bool { return s == other }

// Len is the number of tasks.
func (s TaskStates) Len() int {
	r := unpacker{rest: s.packed}
	return r.tasks()
}

// All are the states in the order of their tasks' names, each made for the
// caller.
func (s TaskStates) All() iter.Seq2[string, *TaskState] {
	return func(yield func(string, *TaskState) bool) {
		r := unpacker{rest: s.packed}
		for range r.tasks() {
			name, state := r.text(), new(TaskState)
			if r.state(state); r.err != nil || !yield(name, state) {
				return
			}
		}
	}
}

// Get is the state of a task, made for the caller; nil when there is none.
func (s TaskStates) Get(task string) *TaskState {
	for name, state := range s.All() {
		if name == task {
			return state
		}
	}
	return nil
}

// Map are the states by task, made for the caller; nil when there are none at
// all.
func (s TaskStates) Map() map[string]*TaskState {
	if s.packed == "" {
		return nil
	}
	return maps.Collect(s.All())
}

// MarshalJSON shows the states as the API does: an object by task.
func (s TaskStates) MarshalJSON() ([]byte, error) { return json.Marshal(s.Map()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (s *TaskStates) UnmarshalJSON(b []byte) error {
	var states map[string]*TaskState
	if err := json.Unmarshal(b, &states); err != nil {
		return err
	}
	*s = PackTaskStates(states)
	return nil
}

// Packed is the packed form, "" for the zero value; UnpackTaskStates reads it.
func (s TaskStates) Packed() string { return s.packed }

// UnpackTaskStates takes what Packed gave, perhaps in another process. It
// fails for everything else.
func UnpackTaskStates(packed string) (TaskStates, error) {
	r := unpacker{rest: packed}
	for range r.tasks() {
		r.text()
		r.state(nil)
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("there are bytes after the last task")
	}
	if r.err != nil {
		return TaskStates{}, r.err
	}
	return TaskStates{packed}, nil
}

// The log, snapshots and calls carry the packed form as a CBOR byte string
// (RFC 8949), and the zero value as null.
const cborBytes = 0x40

// MarshalCBOR writes the form.
func (s TaskStates) MarshalCBOR() ([]byte, error) {
	return s.AppendCBOR(make([]byte, 0, len(s.packed)+3)), nil
}

// AppendCBOR appends what MarshalCBOR writes.
func (s TaskStates) AppendCBOR(b []byte) []byte {
	n := len(s.packed)
	switch {
	case n == 0:
		return append(b, cborNull)
	case n < cborOneByte:
		b = append(b, cborBytes|byte(n))
	case n <= math.MaxUint8:
		b = append(b, cborBytes|cborOneByte, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, cborBytes|cborOneByte+1), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, cborBytes|cborOneByte+2), uint32(n))
	}
	return append(b, s.packed...)
}

var errStatesForm = errors.New("decoding task states: they are neither a string of bytes nor null")

// UnmarshalCBOR reads what MarshalCBOR writes.
func (s *TaskStates) UnmarshalCBOR(b []byte) (err error) {
	if len(b) == 1 && b[0] == cborNull {
		*s = TaskStates{}
		return nil
	}
	if len(b) == 0 || b[0]&0xe0 != cborBytes {
		return errStatesForm
	}
	head := 1
	if low := b[0] & 0x1f; low >= cborOneByte {
		if low > cborOneByte+3 {
			return errStatesForm
		}
		head += 1 << (low - cborOneByte)
	}
	// The library has seen that the bytes are one whole item.
	if len(b) <= head {
		return errStatesForm
	}
	*s, err = UnpackTaskStates(string(b[head:]))
	return err
}
