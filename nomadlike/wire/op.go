package wire

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// UnknownKindError tells that an op is of a kind this version does not know:
// a newer server wrote it.
type UnknownKindError struct{ Kind op.Kind }

func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("decoding an op: kind %d is not known to this version; upgrade this server to the version of the others", e.Kind)
}

var errNoOp = errors.New("decoding an op: it is empty")

// EncodeOp writes an op: one byte for its kind, then its body.
func EncodeOp(o op.Op) ([]byte, error) {
	buffer := opBuffers.get()
	defer opBuffers.put(buffer)
	out, err := appendOp((*buffer)[:0], o)
	if err != nil {
		return nil, err
	}
	*buffer = out
	return slices.Clone(out), nil
}

// opBuffers are for the bytes of an op until its length is known.
var opBuffers buffers

// appendOp appends what EncodeOp writes.
func appendOp(b []byte, o op.Op) ([]byte, error) {
	b, err := appendBody(append(b, byte(o.Kind())), o)
	if err != nil {
		return nil, fmt.Errorf("encoding an op of kind %d: %w", o.Kind(), err)
	}
	return b, nil
}

func appendBody(b []byte, o op.Op) ([]byte, error) {
	switch o := o.(type) {
	case *op.ApplyPlans:
		return appendPlans(b, o)
	case *op.UpdateAllocs:
		return appendUpdateAllocs(b, o)
	case *op.Batch:
		return appendBatch(b, o)
	}
	return appendAny(b, o)
}

// appendBatch appends a batch: each of its ops as a string of bytes.
func appendBatch(b []byte, o *op.Batch) ([]byte, error) {
	buffer := opBuffers.get()
	defer opBuffers.put(buffer)
	b = AppendArray(b, len(o.Ops))
	for _, one := range o.Ops {
		part, err := appendOp((*buffer)[:0], one)
		if err != nil {
			return nil, err
		}
		*buffer = part
		b = AppendBytes(b, part)
	}
	return b, nil
}

// DecodeOp reads what EncodeOp wrote. It never panics, whatever the bytes. A
// kind it does not know gives an *UnknownKindError.
func DecodeOp(b []byte) (op.Op, error) { return decodeOp(b, 0) }

// batchDepthMax bounds batches within batches: the log has one level.
const batchDepthMax = 4

func decodeOp(b []byte, depth int) (op.Op, error) {
	if len(b) == 0 {
		return nil, errNoOp
	}
	kind, body := op.Kind(b[0]), b[1:]
	o, err := decodeBody(kind, body, depth)
	if err != nil {
		var unknown *UnknownKindError
		if errors.As(err, &unknown) {
			return nil, err
		}
		return nil, fmt.Errorf("decoding an op of kind %d: %w", kind, err)
	}
	return o, nil
}

func decodeBody(kind op.Kind, body []byte, depth int) (op.Op, error) {
	switch kind {
	case op.KindBatch:
		return decodeBatch(body, depth+1)
	case op.KindApplyPlans:
		return decodePlans(body)
	case op.KindUpdateAllocs:
		return decodeUpdateAllocs(body)
	}
	o := op.New(kind)
	if o == nil {
		return nil, &UnknownKindError{Kind: kind}
	}
	if err := Decode(body, o); err != nil {
		return nil, err
	}
	return o, nil
}

func decodeBatch(body []byte, depth int) (op.Op, error) {
	if depth > batchDepthMax {
		return nil, fmt.Errorf("batches nest deeper than %d", batchDepthMax)
	}
	var parts [][]byte
	if err := Decode(body, &parts); err != nil {
		return nil, err
	}
	batch := &op.Batch{Ops: make([]op.Op, len(parts))}
	for i, part := range parts {
		var err error
		if batch.Ops[i], err = decodeOp(part, depth); err != nil {
			return nil, err
		}
	}
	return batch, nil
}
