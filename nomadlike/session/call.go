package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Caller makes calls: to a peer over a session, or to handlers in this process.
type Caller interface {
	// Call makes one call. Its reply may be nil. The request must not be
	// changed until it returns.
	Call(ctx context.Context, method string, req, reply any) error
	// Stream opens a call whose messages flow until either side ends it or
	// ctx ends. The request must not be changed until it returns. The caller
	// closes the stream.
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

// slots bound calls: one is taken for each that is made and has not ended.
type slots chan struct{}

func (c slots) free() { <-c }

// acquire takes a call's slot. Urgent calls have some of their own.
func (s *Session) acquire(ctx context.Context, method string) (slots, error) {
	from := s.slots
	if Urgent(ctx) {
		from = s.urgentSlots
	}
	select {
	case from <- struct{}{}:
		return from, nil
	default:
	}
	select {
	case from <- struct{}{}:
		return from, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, &LostError{Method: method, Cause: s.reason()}
	}
}

// begin makes a link for a call of this side.
func (s *Session) begin(stream bool) (*link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return nil, s.cause
	}
	for {
		s.last += 2 // comes round after some years
		if s.last > 1 && s.links[s.last] == nil {
			break
		}
	}
	l := s.newLink(s.last, true, stream)
	s.links[l.id] = l
	return l, nil
}

// open opens a call: header and request leave as one message.
func (s *Session) open(ctx context.Context, method string, req any, stream bool) (*link, error) {
	h := header{method: method, stream: stream, urgent: Urgent(ctx), meta: outgoingMeta(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		h.timeout = max(time.Until(deadline), 1)
	}
	buf := messages.get()
	defer messages.put(buf)
	b := h.append(buf.b)
	size := len(b)
	b, err := appendMessage(b, req)
	if err != nil {
		return nil, fmt.Errorf("encoding the request of %s: %w", method, err)
	}
	buf.b = b
	if err := checkSize(len(b) - size); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := s.begin(stream)
	if err != nil {
		return nil, &LostError{Method: method, Cause: err}
	}
	if err := s.out.message(l.id, frameCall, b, h.urgent); err != nil {
		s.forget(l)
		return nil, &LostError{Method: method, Sent: true, Cause: err}
	}
	return l, nil
}

// giveUp ends a call of this side whose end has not come.
func (s *Session) giveUp(l *link) {
	if !s.forget(l) {
		return
	}
	if err := s.out.control(l.id, frameStop, nil); err != nil {
		s.end(err)
	}
}

// Call makes one call over the session.
func (s *Session) Call(ctx context.Context, method string, req, reply any) error {
	slot, err := s.acquire(ctx, method)
	if err != nil {
		return err
	}
	defer slot.free()
	l, err := s.open(ctx, method, req, false)
	if err != nil {
		return err
	}
	m, err := l.receive(ctx)
	if err != nil {
		s.giveUp(l)
		return callError(ctx, method, err)
	}
	switch m.kind {
	case frameData:
		if err := m.decode(reply); err != nil {
			return fmt.Errorf("decoding the reply of %s: %w", method, err)
		}
		return nil
	case frameError:
		if ctx.Err() != nil {
			return ctx.Err() // what the peer says of it is an echo
		}
		return remoteError(m.payload)
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
	slot, err := s.acquire(ctx, method)
	if err != nil {
		return nil, err
	}
	l, err := s.open(ctx, method, req, true)
	if err != nil {
		slot.free()
		return nil, err
	}
	cs := &calledStream{link: l, ctx: ctx, method: method, slot: slot}
	// ctx may end at once: Close must not look at unwatch before it is set.
	set := make(chan struct{})
	cs.unwatch = context.AfterFunc(ctx, func() { <-set; cs.Close() })
	close(set)
	return cs, nil
}

// calledStream is the caller's end of a streaming call.
type calledStream struct {
	link    *link
	ctx     context.Context // of the call: one call is its whole life
	method  string
	slot    slots
	unwatch func() bool
	once    sync.Once
	end     error // once received, stays; only the receiver touches it
}

func (c *calledStream) Send(v any) error {
	if err := c.link.send(c.ctx, v); err != nil {
		return callError(c.ctx, c.method, err)
	}
	return nil
}

func (c *calledStream) Recv(v any) error {
	if c.end != nil {
		return c.end
	}
	m, err := c.link.receive(c.ctx)
	switch {
	case err != nil:
		c.end = callError(c.ctx, c.method, err)
	case m.kind == frameData:
		if err := m.decode(v); err != nil {
			return fmt.Errorf("decoding a message of %s: %w", c.method, err)
		}
		return nil
	case m.kind == frameError && c.ctx.Err() != nil:
		c.end = c.ctx.Err() // what the peer says of it is an echo
	case m.kind == frameError:
		c.end = remoteError(m.payload)
	default:
		c.end = io.EOF
	}
	c.Close()
	return c.end
}

func (c *calledStream) CloseSend() error {
	c.link.sending.Lock()
	defer c.link.sending.Unlock()
	return c.link.s.out.message(c.link.id, frameEnd, nil, false)
}

func (c *calledStream) Close() error {
	c.once.Do(func() {
		c.unwatch()
		c.link.s.giveUp(c.link)
		c.link.leave()
		c.slot.free()
	})
	return nil
}
