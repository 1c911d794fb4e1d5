package server

import (
	"context"

	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// local is the server as seen by a client in the same process.
type local struct {
	s    *Server
	back session.Caller
	done <-chan struct{}
}

// Call makes a call with copies of the request and of the reply, since either
// side may go on to change its own.
func (l local) Call(ctx context.Context, method string, req, reply any) error {
	raw, err := wire.Encode(req)
	if err != nil {
		return err
	}
	var answer session.Raw
	if err := l.s.Call(session.WithBack(ctx, l.back, l.done), method, session.Raw(raw), &answer); err != nil {
		return err
	}
	if reply == nil || len(answer) == 0 {
		return nil
	}
	return wire.Decode(answer, reply)
}

// Stream opens a stream; its messages are copied anyway.
func (l local) Stream(ctx context.Context, method string, req any) (session.Stream, error) {
	raw, err := wire.Encode(req)
	if err != nil {
		return nil, err
	}
	return l.s.Stream(session.WithBack(ctx, l.back, l.done), method, session.Raw(raw))
}
