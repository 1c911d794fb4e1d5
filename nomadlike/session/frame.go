package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// messageBytesMax bounds one message: the list of a large cluster's jobs fits,
// a corrupt length does not exhaust memory.
const messageBytesMax = 256 << 20

// trustedBytes is how much memory a claimed length may take before the bytes
// have arrived.
const trustedBytes = 64 << 10

// frameKind tells what a frame is. On the wire a frame is its kind, the length
// of its payload as four bytes in big endian, and the payload.
type frameKind uint8

const (
	frameCall  frameKind = iota + 1 // opens a call: header
	frameData                       // a message: the request, then what each side sends
	frameEnd                        // the sender sends no more
	frameError                      // the call failed: failure
)

const frameHeadBytes = 5

type frame struct {
	kind    frameKind
	payload []byte
}

// header opens a call.
type header struct {
	Method  string
	Timeout time.Duration // left at the caller; 0 is none
	Stream  bool
	Meta    map[string]string
}

// failure is an error as it crosses.
type failure struct {
	Code nl.Code
	Text string
}

// Raw is a message in its encoded form. As a request or reply it passes
// through unread, which is how calls are forwarded.
type Raw []byte

// encode gives the wire form of a message.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case Raw:
		return v, nil
	case *Raw:
		return *v, nil
	}
	return wire.Encode(v)
}

// decode reads a message into v; a nil v takes nothing. No bytes leave v as it is.
func decode(b []byte, v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case *Raw:
		*v = b
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	return wire.Decode(b, v)
}

func appendFrame(buf []byte, k frameKind, payload []byte) []byte {
	buf = append(buf, byte(k))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(payload)))
	return append(buf, payload...)
}

func checkSize(n int) error {
	if n > messageBytesMax {
		return nl.Errorf(nl.CodeInternal, "message of %d bytes exceeds the limit of %d bytes between agents; narrow the request (prefix, filter, per_page)", n, messageBytesMax)
	}
	return nil
}

func writeFrame(w io.Writer, k frameKind, payload []byte) error {
	if err := checkSize(len(payload)); err != nil {
		return err
	}
	_, err := w.Write(appendFrame(make([]byte, 0, frameHeadBytes+len(payload)), k, payload))
	return err
}

// messageBuffers are for frames of messages that write themselves. A session
// has copied a frame when its write returns.
var messageBuffers = sync.Pool{New: func() any { return new([]byte) }}

// messageBufferMax is the largest buffer that is kept, in bytes; a message about
// a few allocations takes one or two thousand.
const messageBufferMax = 64 << 10

// writeMessage sends a message as one frame.
func writeMessage(w io.Writer, v any) error {
	own, ok := v.(wire.Appender)
	if !ok {
		b, err := encode(v)
		if err != nil {
			return fmt.Errorf("encoding a message: %w", err)
		}
		return writeFrame(w, frameData, b)
	}
	buffer := messageBuffers.Get().(*[]byte)
	defer messageBuffers.Put(buffer)
	b, err := own.AppendCBOR(append((*buffer)[:0], byte(frameData), 0, 0, 0, 0))
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	if len(b) <= messageBufferMax {
		*buffer = b
	}
	n := len(b) - frameHeadBytes
	if err := checkSize(n); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b[1:], uint32(n))
	_, err = w.Write(b)
	return err
}

// writeError sends an error with its code and text.
func writeError(w io.Writer, err error) error {
	b, encErr := wire.Encode(&failure{Code: nl.CodeOf(err), Text: err.Error()})
	if encErr != nil {
		return encErr
	}
	return writeFrame(w, frameError, b)
}

// remoteError is the error that a frameError carried.
func remoteError(payload []byte) error {
	var f failure
	if err := wire.Decode(payload, &f); err != nil {
		return fmt.Errorf("reading the peer's error: %w", err)
	}
	return &nl.Error{Code: f.Code, Text: f.Text}
}

func readFrame(r io.Reader) (frame, error) {
	var head [frameHeadBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := int(binary.BigEndian.Uint32(head[1:]))
	if err := checkSize(n); err != nil {
		return frame{}, err
	}
	f := frame{kind: frameKind(head[0])}
	if n <= trustedBytes {
		f.payload = make([]byte, n)
		_, err := io.ReadFull(r, f.payload)
		return f, err
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return frame{}, err
	}
	f.payload = buf.Bytes()
	return f, nil
}

var errNotCall = errors.New("expected the header of a call")

func readCall(r io.Reader) (*header, error) {
	f, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	if f.kind != frameCall {
		return nil, errNotCall
	}
	var h header
	if err := wire.Decode(f.payload, &h); err != nil {
		return nil, err
	}
	return &h, nil
}
