package session

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// inboxMax bounds the messages of a served stream that wait for its handler;
// further ones wait at the sender.
const inboxMax = 16

// watchAfter is how long a unary call runs before its stream is watched for
// the caller going away. Most calls end sooner and are spared a goroutine.
const watchAfter = time.Millisecond

// watch calls gone when the peer closes the stream. stop ends watching; it
// tells whether the stream is still good.
func watch(st *yamux.Stream, gone func()) (stop func() bool) {
	ended := make(chan struct{})
	good := true
	t := time.AfterFunc(watchAfter, func() {
		defer close(ended)
		var b [1]byte
		_, err := st.Read(b[:])
		if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
			return // stopped
		}
		good = false // gone, or talking out of turn
		gone()
	})
	return func() bool {
		if t.Stop() {
			return true
		}
		st.SetReadDeadline(longAgo)
		<-ended
		st.SetReadDeadline(time.Time{})
		return good
	}
}

// servedStream is the handler's end of a streaming call over a session.
type servedStream struct {
	st  *yamux.Stream
	ctx context.Context // of the call: one call is its whole life
	in  chan frame      // filled by pump, closed at the end of input

	mu  sync.Mutex
	err error // why the input ended; nil is the caller's CloseSend
}

// pump moves what the caller sends into the inbox. When the caller goes away
// it cancels the call, which is how a handler that only sends learns of it.
func (s *servedStream) pump(cancel context.CancelFunc) {
	defer close(s.in)
	for {
		f, err := readFrame(s.st)
		if err != nil {
			s.mu.Lock()
			if s.err == nil {
				s.err = context.Canceled
			}
			s.mu.Unlock()
			cancel()
			return
		}
		select {
		case s.in <- f:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *servedStream) Send(v any) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return writeMessage(s.st, v)
}

func (s *servedStream) Recv(v any) error {
	select {
	case f, ok := <-s.in:
		switch {
		case !ok:
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.err
		case f.kind == frameData:
			return decode(f.payload, v)
		default:
			return io.EOF
		}
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// CloseSend does nothing: the handler ends its side by returning.
func (s *servedStream) CloseSend() error { return nil }

// Close does nothing: the handler ends the call by returning.
func (s *servedStream) Close() error { return nil }
