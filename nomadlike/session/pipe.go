package session

import (
	"context"
	"io"
	"sync"
)

// inboxMax bounds the messages of a stream that wait for their receiver;
// further ones wait at the sender.
const inboxMax = 16

// pipe is one end of a streaming call within this process.
type pipe struct {
	ctx    context.Context // of the call: one call is its whole life
	cancel context.CancelFunc
	out    chan<- []byte
	in     <-chan []byte
	sent   sync.Once
	over   *outcome
}

// outcome is how the handler ended.
type outcome struct {
	done chan struct{} // closed after err is set
	err  error
}

func newPipe(ctx context.Context) (caller, handler *pipe) {
	ctx, cancel := context.WithCancel(ctx)
	up, down := make(chan []byte, inboxMax), make(chan []byte, inboxMax)
	over := &outcome{done: make(chan struct{})}
	caller = &pipe{ctx: ctx, cancel: cancel, out: up, in: down, over: over}
	handler = &pipe{ctx: ctx, cancel: cancel, out: down, in: up, over: over}
	return caller, handler
}

// finish records how the handler ended.
func (p *pipe) finish(err error) {
	p.over.err = err
	close(p.over.done)
	p.CloseSend()
}

func (p *pipe) Send(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	select {
	case p.out <- b:
		return nil
	case <-p.over.done:
		return io.ErrClosedPipe
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *pipe) Recv(v any) error {
	select {
	case b, ok := <-p.in:
		return p.received(b, ok, v)
	case <-p.ctx.Done():
		// What had been sent before the end is still read.
		select {
		case b, ok := <-p.in:
			return p.received(b, ok, v)
		default:
			return p.ctx.Err()
		}
	}
}

func (p *pipe) received(b []byte, ok bool, v any) error {
	if ok {
		return decode(b, v)
	}
	select {
	case <-p.over.done:
		if p.over.err != nil {
			return p.over.err
		}
	default:
	}
	return io.EOF
}

func (p *pipe) CloseSend() error {
	p.sent.Do(func() { close(p.out) })
	return nil
}

func (p *pipe) Close() error {
	p.cancel()
	return nil
}
