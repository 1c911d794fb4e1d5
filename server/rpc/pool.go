package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Pool holds one session to each other server that is called.
type Pool struct {
	mux     *session.Mux
	dialTLS *tls.Config
	log     hclog.Logger

	mu     sync.Mutex
	closed bool
	to     map[string]*entry // by address
}

// entry is a session, or the attempt to get one.
type entry struct {
	ready chan struct{} // closed when s or err is set
	s     *session.Session
	err   error
}

// NewPool makes an empty pool; mux serves the calls that come back over its
// sessions.
func NewPool(mux *session.Mux, dialTLS *tls.Config, log hclog.Logger) *Pool {
	return &Pool{mux: mux, dialTLS: dialTLS, log: log, to: map[string]*entry{}}
}

var errPoolClosed = errors.New("the server is shutting down")

// To gives the session to the server at addr, dialling it if need be. The
// error is a *session.LostError of a call that was never sent.
func (p *Pool) To(ctx context.Context, addr string) (*session.Session, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, &session.LostError{Method: addr, Cause: errPoolClosed}
	}
	e := p.to[addr]
	if e != nil && e.over() {
		e = nil
	}
	if e == nil {
		e = &entry{ready: make(chan struct{})}
		p.to[addr] = e
		p.mu.Unlock()
		p.dial(ctx, addr, e)
	} else {
		p.mu.Unlock()
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.err != nil {
		return nil, &session.LostError{Method: addr, Cause: e.err}
	}
	return e.s, nil
}

// over tells whether another dial is needed.
func (e *entry) over() bool {
	select {
	case <-e.ready:
	default:
		return false
	}
	if e.err != nil {
		return true
	}
	select {
	case <-e.s.Done():
		return true
	default:
		return false
	}
}

// dial fills an entry. It outlives the ctx of whoever dials first: others may
// wait for it.
func (p *Pool) dial(ctx context.Context, addr string, e *entry) {
	defer close(e.ready)
	conn, err := dial(context.WithoutCancel(ctx), addr, wire.ByteSession, p.dialTLS)
	if err != nil {
		e.err = err
		return
	}
	e.s, e.err = session.Dial(conn, p.mux, session.Config{Logger: p.log})
	if e.err != nil {
		return
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		e.s.Close()
		e.err = errPoolClosed
	}
}

// Close ends every session.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	entries := p.to
	p.to = map[string]*entry{}
	p.mu.Unlock()
	for _, e := range entries {
		<-e.ready
		if e.s != nil {
			e.s.Close()
		}
	}
}
