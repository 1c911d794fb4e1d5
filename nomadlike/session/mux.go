package session

import (
	"context"
	"errors"
	"io"
	"reflect"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Mux holds the handlers of methods. It is itself a Caller that runs them in
// this process. Register everything before the first call.
type Mux struct {
	unary    map[string]unaryHandler
	streams  map[string]streamHandler
	fallback func(method string) (Caller, bool)
}

// NewMux makes an empty Mux.
func NewMux() *Mux {
	return &Mux{unary: map[string]unaryHandler{}, streams: map[string]streamHandler{}}
}

// unaryHandler is a handler whose types have been erased.
type unaryHandler struct {
	newReq   func() any
	newReply func() any
	call     func(ctx context.Context, req, reply any) (match bool, err error)
}

type streamHandler struct {
	newReq func() any
	call   func(ctx context.Context, req any, s Stream) (match bool, err error)
}

// Handle registers the handler of a method. What it is given as req may be
// shared with its caller and with other calls: it must not be changed.
func Handle[Req, Reply any](m *Mux, method string, f func(ctx context.Context, req *Req, reply *Reply) error) {
	m.unary[method] = unaryHandler{
		newReq:   func() any { return new(Req) },
		newReply: func() any { return new(Reply) },
		call: func(ctx context.Context, req, reply any) (bool, error) {
			rq, ok := req.(*Req)
			if !ok {
				return false, nil
			}
			rp, ok := reply.(*Reply)
			if !ok {
				return false, nil
			}
			return true, f(ctx, rq, rp)
		},
	}
}

// HandleStream registers the handler of a streaming method. The stream ends
// when it returns.
func HandleStream[Req any](m *Mux, method string, f func(ctx context.Context, req *Req, s Stream) error) {
	m.streams[method] = streamHandler{
		newReq: func() any { return new(Req) },
		call: func(ctx context.Context, req any, s Stream) (bool, error) {
			rq, ok := req.(*Req)
			if !ok {
				return false, nil
			}
			return true, f(ctx, rq, s)
		},
	}
}

// Fallback says who answers the methods that have no handler. Such a Caller
// is given requests and replies that came over a wire as Raw.
func (m *Mux) Fallback(f func(method string) (Caller, bool)) { m.fallback = f }

// Has tells whether the method has a handler here.
func (m *Mux) Has(method string) bool {
	_, unary := m.unary[method]
	_, stream := m.streams[method]
	return unary || stream
}

// Request gives a request in the type that the method's handler takes,
// decoding it when it is Raw or of another type. A method without a handler
// leaves it as it is.
func (m *Mux) Request(method string, req any) (any, error) {
	var fresh any
	if h, ok := m.unary[method]; ok {
		fresh = h.newReq()
	} else if h, ok := m.streams[method]; ok {
		fresh = h.newReq()
	} else {
		return req, nil
	}
	if reflect.TypeOf(req) == reflect.TypeOf(fresh) {
		return req, nil
	}
	return fresh, transcode(method, req, fresh)
}

// transcode moves a message between types of the same form.
func transcode(method string, from, to any) error {
	b, err := encode(from)
	if err == nil {
		err = decode(b, to)
	}
	if err != nil {
		return nl.Errorf(nl.CodeInvalid, "%s: the message cannot be read: %s", method, err)
	}
	return nil
}

func unknownMethod(method string) error {
	return nl.Errorf(nl.CodeNotFound, "unknown method %s; the agents may be of different versions", method)
}

// Call runs the handler of a method. Pointers to the handler's own types are
// passed through; everything else is encoded and decoded.
func (m *Mux) Call(ctx context.Context, method string, req, reply any) error {
	h, ok := m.unary[method]
	if !ok {
		if m.fallback != nil {
			if c, ok := m.fallback(method); ok {
				return c.Call(ctx, method, req, reply)
			}
		}
		return unknownMethod(method)
	}
	if reply == nil {
		reply = h.newReply()
	}
	if match, err := h.call(ctx, req, reply); match {
		return err
	}
	typed, err := m.Request(method, req)
	if err != nil {
		return err
	}
	if match, err := h.call(ctx, typed, reply); match {
		return err
	}
	fresh := h.newReply()
	if _, err := h.call(ctx, typed, fresh); err != nil {
		return err
	}
	return transcode(method, fresh, reply)
}

// StreamServer is a Caller that can serve a streaming call on a stream that is
// there already, which spares a pair of streams and a goroutine for each way.
type StreamServer interface {
	ServeStream(ctx context.Context, method string, req any, s Stream) error
}

// ServeStream runs a streaming handler on the stream of a peer's call, and
// returns when the handler has.
func (m *Mux) ServeStream(ctx context.Context, method string, req any, s Stream) error {
	h, ok := m.streams[method]
	if !ok {
		if m.fallback != nil {
			if c, ok := m.fallback(method); ok {
				if direct, ok := c.(StreamServer); ok {
					return direct.ServeStream(ctx, method, req, s)
				}
				return relay(ctx, c, method, req, s)
			}
		}
		return unknownMethod(method)
	}
	typed, err := m.Request(method, req)
	if err != nil {
		return err
	}
	_, err = h.call(ctx, typed, s)
	return err
}

// Stream runs the handler of a streaming method beside the caller. Messages
// are encoded on the way even so: what a sender does with a message later
// never reaches the receiver, exactly as over a session.
func (m *Mux) Stream(ctx context.Context, method string, req any) (Stream, error) {
	h, ok := m.streams[method]
	if !ok {
		if m.fallback != nil {
			if c, ok := m.fallback(method); ok {
				return c.Stream(ctx, method, req)
			}
		}
		return nil, unknownMethod(method)
	}
	typed, err := m.Request(method, req)
	if err != nil {
		return nil, err
	}
	caller, handler := newPipe(ctx)
	go func() {
		_, err := h.call(handler.ctx, typed, handler)
		handler.finish(err)
	}()
	return caller, nil
}

// relay makes a streaming call of another Caller and passes its messages on.
func relay(ctx context.Context, to Caller, method string, req any, s Stream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, err := to.Stream(ctx, method, req)
	if err != nil {
		return err
	}
	return Relay(s, next)
}

// Relay passes a served stream on to another that it has opened for it, message
// by message, unread, and closes that one. The goroutine for the one direction
// ends with the served stream, which is just after Relay returns.
func Relay(s, next Stream) error {
	defer next.Close()
	go func() {
		var up Raw
		for {
			switch err := s.Recv(&up); {
			case errors.Is(err, io.EOF):
				next.CloseSend()
				return
			case err != nil:
				return
			}
			if next.Send(up) != nil {
				return
			}
		}
	}()
	var down Raw
	for {
		switch err := next.Recv(&down); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := s.Send(down); err != nil {
			return err
		}
	}
}
