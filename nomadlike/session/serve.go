package session

import (
	"context"
	"io"
	"runtime/debug"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// served is a call of the peer that is to be answered.
type served struct {
	*link
	header
	body Raw     // the request
	came message // that body is part of
}

// worker answers a call, and goes on with others for a while: the stack of a
// goroutine that has done so has its size already.
func (s *Session) worker(c *served) {
	for {
		s.serve(c)
		if s.idle.Add(1) > workersMax {
			s.idle.Add(-1)
			return
		}
		select {
		case c = <-s.work:
			s.idle.Add(-1)
		case <-s.done:
			return
		}
	}
}

// serve answers one call.
func (s *Session) serve(c *served) {
	ctx, cancel := s.callContext(&c.header)
	defer cancel()
	if !c.link.run(cancel) {
		s.forget(c.link)
		return
	}
	kind, reply := frameEnd, []byte(nil)
	var err error
	if c.header.stream {
		err = s.serveStream(ctx, c)
	} else {
		kind = frameData
		reply, err = s.answer(ctx, c.method, c.body)
		c.body = nil
		c.came.release()
	}
	if err == nil {
		err = checkSize(len(reply))
	}
	if err != nil {
		kind, reply = frameError, encodeError(err)
	}
	s.forget(c.link)
	c.sending.Lock() // a message of the stream may be on its way still
	defer c.sending.Unlock()
	// Messages of a stream may be on their way: its end does not overtake them.
	s.out.message(c.id, kind, reply, c.urgent && !c.header.stream) // fails when nobody is there to be told
}

// callContext is what a handler sees of the call.
func (s *Session) callContext(h *header) (context.Context, context.CancelFunc) {
	ctx := context.WithValue(s.ctx, callKey{}, &callInfo{session: s, urgent: h.urgent, meta: h.meta})
	if h.timeout > 0 {
		return context.WithTimeout(ctx, h.timeout)
	}
	return context.WithCancel(ctx)
}

// answer runs the handler of a unary call.
func (s *Session) answer(ctx context.Context, method string, body Raw) (reply []byte, err error) {
	defer s.survive(method, &err)
	var raw Raw
	if err := s.mux.Call(ctx, method, body, &raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// serveStream runs the handler of a stream.
func (s *Session) serveStream(ctx context.Context, c *served) (err error) {
	defer s.survive(c.method, &err)
	return s.mux.ServeStream(ctx, c.method, c.body, &servedStream{link: c.link, ctx: ctx})
}

// survive turns a handler's panic into an error: one bad call must not end
// the agent, and the peer is owed an answer.
func (s *Session) survive(method string, err *error) {
	if p := recover(); p != nil {
		s.log.Error("call failed unexpectedly; please report this", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = nl.Errorf(nl.CodeInternal, "%s failed unexpectedly: %v", method, p)
	}
}

// servedStream is the handler's end of a streaming call over a session.
type servedStream struct {
	link *link
	ctx  context.Context // of the call: one call is its whole life
}

func (s *servedStream) Send(v any) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.link.send(s.ctx, v)
}

func (s *servedStream) Recv(v any) error {
	m, err := s.link.receive(s.ctx)
	switch {
	case err != nil:
		return err
	case m.kind == frameData:
		return m.decode(v)
	default:
		return io.EOF
	}
}

// CloseSend does nothing: the handler ends its side by returning.
func (s *servedStream) CloseSend() error { return nil }

// Close does nothing: the handler ends the call by returning.
func (s *servedStream) Close() error { return nil }
