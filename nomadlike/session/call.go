package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/yamux"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Caller makes calls: to a peer over a session, or to handlers in this process.
type Caller interface {
	// Call makes one call. Its reply may be nil. The request must not be
	// changed until it returns.
	Call(ctx context.Context, method string, req, reply any) error
	// Stream opens a call whose messages flow until either side ends it or
	// ctx ends. The caller closes the stream.
	Stream(ctx context.Context, method string, req any) (Stream, error)
}

// Stream is the messages of one call. One goroutine may send while another receives.
type Stream interface {
	Send(v any) error
	Recv(v any) error // io.EOF when the other side has ended well
	CloseSend() error // no more will be sent; receiving goes on
	Close() error     // ends the call
}

// LostError tells that the connection failed under a call, so that nobody
// knows whether the peer did what was asked. It shows as an internal error.
type LostError struct {
	Method string
	Sent   bool // false: the peer has never seen the call
	Cause  error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("connection lost during %s: %v", e.Method, e.Cause)
}

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Cause }

var longAgo = time.Unix(1, 0)

// acquire takes a call's slot.
func (s *Session) acquire(ctx context.Context, method string) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.Done():
		return &LostError{Method: method, Cause: yamux.ErrSessionShutdown}
	}
}

// stream gives an idle stream or a new one. LIFO keeps few of them warm.
func (s *Session) stream() (*yamux.Stream, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		st := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return st, nil
	}
	s.mu.Unlock()
	st, err := s.ymx.OpenStream()
	if err == nil {
		s.track(st)
	}
	return st, err
}

// release keeps a stream for the next call.
func (s *Session) release(st *yamux.Stream) {
	s.mu.Lock()
	if len(s.idle) < idleStreamsMax {
		s.idle = append(s.idle, st)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.shut(st)
}

// open opens a call: header and request leave in one write.
func (s *Session) open(ctx context.Context, method string, req any, stream bool) (*yamux.Stream, error) {
	h := header{Method: method, Stream: stream, Meta: outgoingMeta(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		h.Timeout = max(time.Until(deadline), 1)
	}
	head, err := wire.Encode(&h)
	if err != nil {
		return nil, fmt.Errorf("encoding the header of %s: %w", method, err)
	}
	body, err := encode(req)
	if err != nil {
		return nil, fmt.Errorf("encoding the request of %s: %w", method, err)
	}
	if err := checkSize(len(body)); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st, err := s.stream()
	if err != nil {
		return nil, &LostError{Method: method, Cause: err}
	}
	buf := make([]byte, 0, 2*frameHeadBytes+len(head)+len(body))
	buf = appendFrame(buf, frameCall, head)
	buf = appendFrame(buf, frameData, body)
	if _, err := st.Write(buf); err != nil {
		s.shut(st)
		return nil, &LostError{Method: method, Sent: true, Cause: err}
	}
	return st, nil
}

// Call makes one call over the session.
func (s *Session) Call(ctx context.Context, method string, req, reply any) error {
	if err := s.acquire(ctx, method); err != nil {
		return err
	}
	defer func() { <-s.slots }()
	st, err := s.open(ctx, method, req, false)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { st.SetReadDeadline(longAgo) })
	f, err := readFrame(st)
	if clean := stop(); !clean || err != nil {
		s.shut(st)
		if err != nil {
			return callError(ctx, method, err)
		}
	} else {
		s.release(st)
	}
	switch f.kind {
	case frameData:
		if err := decode(f.payload, reply); err != nil {
			return fmt.Errorf("decoding the reply of %s: %w", method, err)
		}
		return nil
	case frameError:
		if ctx.Err() != nil {
			return ctx.Err() // what the peer says of it is an echo
		}
		return remoteError(f.payload)
	default:
		return nl.Errorf(nl.CodeInternal, "the answer to %s is not a reply; is %s a stream?", method, method)
	}
}

// callError tells a call ended by its maker from one that the network ended.
func callError(ctx context.Context, method string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &LostError{Method: method, Sent: true, Cause: err}
}

// Stream opens a streaming call over the session.
func (s *Session) Stream(ctx context.Context, method string, req any) (Stream, error) {
	if err := s.acquire(ctx, method); err != nil {
		return nil, err
	}
	st, err := s.open(ctx, method, req, true)
	if err != nil {
		<-s.slots
		return nil, err
	}
	cs := &calledStream{s: s, st: st, ctx: ctx, method: method}
	// ctx may end at once: Close must not look at stop before it is set.
	set := make(chan struct{})
	cs.stop = context.AfterFunc(ctx, func() { <-set; cs.Close() })
	close(set)
	return cs, nil
}

// calledStream is the caller's end of a streaming call.
type calledStream struct {
	s      *Session
	st     *yamux.Stream
	ctx    context.Context // of the call: one call is its whole life
	method string
	stop   func() bool
	once   sync.Once
	end    error // once received, stays; only the receiver touches it
}

func (c *calledStream) Send(v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("encoding a message of %s: %w", c.method, err)
	}
	if err := writeFrame(c.st, frameData, b); err != nil {
		return callError(c.ctx, c.method, err)
	}
	return nil
}

func (c *calledStream) Recv(v any) error {
	if c.end != nil {
		return c.end
	}
	f, err := readFrame(c.st)
	switch {
	case err != nil:
		c.end = callError(c.ctx, c.method, err)
	case f.kind == frameData:
		if err := decode(f.payload, v); err != nil {
			return fmt.Errorf("decoding a message of %s: %w", c.method, err)
		}
		return nil
	case f.kind == frameError && c.ctx.Err() != nil:
		c.end = c.ctx.Err() // what the peer says of it is an echo
	case f.kind == frameError:
		c.end = remoteError(f.payload)
	default:
		c.end = io.EOF
	}
	c.Close()
	return c.end
}

func (c *calledStream) CloseSend() error {
	return writeFrame(c.st, frameEnd, nil)
}

func (c *calledStream) Close() error {
	c.once.Do(func() {
		c.stop()
		c.st.SetReadDeadline(longAgo)
		c.st.SetWriteDeadline(longAgo)
		c.s.shut(c.st)
		<-c.s.slots
	})
	return nil
}
