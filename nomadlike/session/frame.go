package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// messageBytesMax bounds one message: the list of a large cluster's jobs
	// fits, a corrupt length does not exhaust memory.
	messageBytesMax = 256 << 20
	// frameBytesMax bounds the part of a message that one frame carries, so that
	// a large message leaves room for others on its way. Memory is taken for
	// what has come, never for what is claimed.
	frameBytesMax = 64 << 10
	// streamWindow is how many bytes a stream may hold unread before its sender
	// waits; one large message then crosses in few round trips.
	streamWindow = 1 << 20
	// messageCost is what a message counts beside its bytes, so that empty ones
	// are bounded too.
	messageCost = 64
)

// frameKind tells what a frame is. On the wire a frame is its kind, the length
// of its payload as three bytes, the call it belongs to as four, all in big
// endian, and the payload.
type frameKind uint8

const (
	frameCall   frameKind = iota + 1 // opens a call: header and request
	frameData                        // a message: the reply, or what each side of a stream sends
	frameEnd                         // the sender sends no more
	frameError                       // the call failed: failure
	frameStop                        // the caller has given the call up
	frameCredit                      // bytes of the stream that were read, as four bytes
	framePing                        // of the session: is anybody there?
	framePong                        // of the session: yes
	frameKinds                       // ends the kinds

	// frameMore marks a frame whose message goes on in the next of its call.
	frameMore frameKind = 0x80
)

const (
	frameHeadBytes  = 8
	frameCallAt     = 4
	frameLengthMask = 1<<24 - 1
	creditBytes     = 4
)

// message is a whole message as it came. Whoever takes it from its call owns
// it, until decode or release end that: its bytes are those of another message
// then. One that is dropped is left to the collector of garbage.
type message struct {
	kind    frameKind
	payload []byte
	lent    *buffer // payload lies in it; nil: in memory of its own
}

func (m *message) cost() int { return messageCost + len(m.payload) }

// borrow makes room for the payload.
func (m *message) borrow(n int) {
	if n > 0 {
		m.lent = arrivals.get(n)
		m.payload = m.lent.b
	}
}

// release ends the use of a message.
func (m *message) release() {
	if m.lent != nil {
		arrivals.put(m.lent)
	}
	*m = message{kind: m.kind}
}

// decode reads a message into v, and ends its use: what was decoded refers to
// none of its bytes (see wire.Form). A *Raw is given the bytes themselves, which
// are its own from then on.
func (m *message) decode(v any) error {
	if raw, ok := v.(*Raw); ok {
		*raw = m.payload
		*m = message{kind: m.kind}
		return nil
	}
	defer m.release()
	return decode(m.payload, v)
}

func appendFrame(buf []byte, call uint32, k frameKind, payload []byte) []byte {
	var h [frameHeadBytes]byte
	putHead(h[:], call, k, len(payload))
	return append(append(buf, h[:]...), payload...)
}

func putHead(b []byte, call uint32, k frameKind, length int) {
	binary.BigEndian.PutUint32(b, uint32(k)<<24|uint32(length))
	binary.BigEndian.PutUint32(b[frameCallAt:], call)
}

// head is a frame without its payload.
type head struct {
	kind   frameKind
	more   bool
	length int
	call   uint32
}

var errBadFrame = errors.New("the peer sent what is no frame of a call; is it an agent of the same product?")

func readHead(b []byte) (head, error) {
	first := binary.BigEndian.Uint32(b)
	k := frameKind(first >> 24)
	h := head{kind: k &^ frameMore, more: k&frameMore != 0, length: int(first & frameLengthMask), call: binary.BigEndian.Uint32(b[frameCallAt:])}
	if h.kind == 0 || h.kind >= frameKinds || h.length > frameBytesMax {
		return h, errBadFrame
	}
	return h, nil
}

// header opens a call.
type header struct {
	method  string
	timeout time.Duration // left at the caller; 0 is none
	stream  bool
	urgent  bool
	meta    map[string]string
}

// headerUrgent is a bit of the last byte of a header.
const headerUrgent = 1

// append writes the header, with its length before it: what a later version
// adds at its end is passed over.
func (h *header) append(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	var stream byte
	if h.stream {
		stream = 1
	}
	b = append(b, stream)
	b = binary.AppendUvarint(b, uint64(h.timeout))
	b = appendText(b, h.method)
	b = binary.AppendUvarint(b, uint64(len(h.meta)))
	for k, v := range h.meta {
		b = appendText(appendText(b, k), v)
	}
	var flags byte
	if h.urgent {
		flags = headerUrgent
	}
	b = append(b, flags)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readHeader splits what opens a call into header and request.
func readHeader(b []byte) (h header, body []byte, err error) {
	if len(b) < 4 || int(binary.BigEndian.Uint32(b)) > len(b)-4 {
		return h, nil, errBadFrame
	}
	end := 4 + int(binary.BigEndian.Uint32(b))
	r := headerReader{left: b[4:end]}
	h.stream = r.byte() == 1
	h.timeout = time.Duration(r.uint())
	h.method = r.text()
	for range r.uint() {
		if r.bad {
			break
		}
		if h.meta == nil {
			h.meta = map[string]string{}
		}
		k := r.text()
		h.meta[k] = r.text()
	}
	if r.bad {
		return h, nil, errBadFrame
	}
	if len(r.left) > 0 { // earlier versions have no flags
		h.urgent = r.byte()&headerUrgent != 0
	}
	return h, b[end:], nil
}

type headerReader struct {
	left []byte
	bad  bool
}

func (r *headerReader) byte() byte {
	if len(r.left) == 0 {
		r.bad = true
		return 0
	}
	b := r.left[0]
	r.left = r.left[1:]
	return b
}

func (r *headerReader) uint() uint64 {
	n, size := binary.Uvarint(r.left)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *headerReader) text() string {
	n := r.uint()
	if n > uint64(len(r.left)) {
		r.bad = true
		return ""
	}
	s := string(r.left[:n])
	r.left = r.left[n:]
	return s
}

// failure is an error as it crosses.
type failure struct {
	Code nl.Code
	Text string
}

// encodeError gives the wire form of an error, with its code and text.
func encodeError(err error) []byte {
	b, encErr := wire.Encode(&failure{Code: nl.CodeOf(err), Text: err.Error()})
	if encErr != nil {
		return nil // numbers and text always have a form
	}
	return b
}

// remoteError is the error that a frameError carried.
func remoteError(payload []byte) error {
	var f failure
	if err := wire.Decode(payload, &f); err != nil {
		return fmt.Errorf("reading the peer's error: %w", err)
	}
	return &nl.Error{Code: f.Code, Text: f.Text}
}

// Raw is a message in its encoded form. As a request or reply it passes
// through unread, which is how calls are forwarded. What is received into a Raw
// belongs to the receiver; a request that came as one is the session's, and is
// not to be kept, nor a part of it, once its call has been answered.
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

// appendMessage appends the wire form of a message.
func appendMessage(buf []byte, v any) ([]byte, error) {
	if own, ok := v.(wire.Appender); ok {
		return own.AppendCBOR(buf)
	}
	b, err := encode(v)
	return append(buf, b...), err
}

// decode reads a message into v; a nil v takes nothing. No bytes leave v as it
// is. Only a *Raw refers to the bytes afterwards.
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
	if own, ok := v.(wire.Form); ok {
		return own.UnmarshalCBOR(b)
	}
	return wire.Decode(b, v)
}

func checkSize(n int) error {
	if n > messageBytesMax {
		return nl.Errorf(nl.CodeInternal, "message of %d bytes exceeds the limit of %d bytes between agents; narrow the request (prefix, filter, per_page)", n, messageBytesMax)
	}
	return nil
}
