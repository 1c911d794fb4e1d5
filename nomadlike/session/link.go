package session

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// link is one call on a session, as either side has it: what has come for it
// waits here, and what may still be sent is counted.
type link struct {
	s      *Session
	id     uint32
	mine   bool // made by this side
	stream bool

	sending sync.Mutex // keeps the frames of a message together, and what is counted before each
	size    int        // of the last message that wrote itself; the next is likely no larger. Guarded by sending

	// Only the session's reader has these.
	begun   frameKind // of a message that has not come whole; 0: none
	partial []byte    // what has come of it
	refused bool      // one too many: it is only read to its end

	mu      sync.Mutex
	cancel  context.CancelFunc // of a served call that runs
	stopped bool               // a served call that nobody waits for
	queue   []message
	unread  int           // cost of the messages in queue
	eaten   int           // cost of those taken since the peer was told
	window  int           // what may still be sent; for a moment above or below what it should be
	ended   bool          // no more will come
	left    bool          // nobody takes what has come
	closed  bool          // nobody takes what would be sent
	arrived chan struct{} // room for one: look at queue and ended
	roomy   chan struct{} // room for one: look at window and closed
	first   [1]message    // room for queue: most calls are one message
}

func (s *Session) newLink(id uint32, mine, stream bool) *link {
	l := &link{s: s, id: id, mine: mine, stream: stream, arrived: make(chan struct{}, 1)}
	l.queue = l.first[:0]
	if stream {
		l.open()
	}
	return l
}

// open lets a stream send.
func (l *link) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream, l.window, l.roomy = true, streamWindow, make(chan struct{}, 1)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read takes the payload of a frame, and gives the message when that ends it.
func (l *link) read(r *bufio.Reader, h head) (m message, whole bool, err error) {
	if l.begun != 0 && l.begun != h.kind {
		return m, false, errBadCalls
	}
	at := len(l.partial)
	if err := checkSize(at + h.length); err != nil {
		return m, false, err
	}
	l.begun = 0
	if h.more {
		l.begun = h.kind
	}
	switch {
	case l.refused:
		_, err = r.Discard(h.length)
		return m, !h.more, err
	case at == 0 && !h.more:
		m.borrow(h.length)
	default:
		l.partial = slices.Grow(l.partial, h.length)[:at+h.length]
		m.payload = l.partial
	}
	if _, err := io.ReadFull(r, m.payload[at:]); err != nil || h.more {
		return m, false, err
	}
	m.kind, l.partial = h.kind, nil
	return m, true, nil
}

// overrun tells whether the peer has sent more than it may.
func (l *link) overrun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unread+l.eaten >= streamWindow
}

// deliver queues a message that has come whole.
func (l *link) deliver(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.left {
		return
	}
	l.queue = append(l.queue, m)
	l.unread += m.cost()
	if m.kind != frameData {
		l.ended = true
	}
	if m.kind == frameError || m.kind == frameEnd && l.mine {
		// The handler is gone.
		l.close()
	}
	notify(l.arrived)
}

// close ends waiting for room to send; l.mu is held.
func (l *link) close() {
	l.closed = true
	if l.roomy != nil {
		notify(l.roomy)
	}
}

// leave ends waiting for messages, and for room to send.
func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = true
	l.queue = nil
	l.close()
	notify(l.arrived)
}

// grant takes the peer's word that it has read so much.
func (l *link) grant(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window += n
	if l.roomy != nil {
		notify(l.roomy)
	}
}

// stop ends a served call that its maker has given up.
func (l *link) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.close()
	if l.cancel != nil {
		l.cancel()
	}
}

// run says how a served call is ended; false when it has been already.
func (l *link) run(cancel context.CancelFunc) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancel = cancel
	return !l.stopped
}

var errLeft = errors.New("the call was closed")

// take gives the next message, if there is one. The last message says how the
// other side ended, and stays.
func (l *link) take() (m message, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.left:
		return m, false, errLeft
	case len(l.queue) == 0:
		return m, false, nil
	}
	m = l.queue[0]
	if m.kind != frameData {
		return m, true, nil
	}
	l.queue[0] = message{}
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		l.queue = l.first[:0]
	}
	l.unread -= m.cost()
	if l.eaten += m.cost(); l.stream && l.eaten >= streamWindow/2 && !l.ended {
		l.s.credit(l.id, l.eaten)
		l.eaten = 0
	}
	return m, true, nil
}

// receive waits for the next message.
func (l *link) receive(ctx context.Context) (message, error) {
	for {
		if m, ok, err := l.take(); ok || err != nil {
			return m, err
		}
		select {
		case <-l.arrived:
			continue
		case <-ctx.Done():
		case <-l.s.done:
		}
		// A handler's context ends with the session, and what had come by then is
		// still read.
		select {
		case <-l.s.done:
			if m, ok, err := l.take(); ok || err != nil {
				return m, err
			}
		default:
		}
		if err := ctx.Err(); err != nil {
			return message{}, err
		}
		return message{}, l.s.reason()
	}
}

// send sends a message of a stream, once the other side has room for it.
func (l *link) send(ctx context.Context, v any) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if own, ok := v.(wire.Appender); ok {
		if err := l.room(ctx); err != nil {
			return err
		}
		size, err := l.s.out.own(l.id, frameData, own, l.size)
		l.spend(size)
		l.size = size
		return err
	}
	b, err := encode(v)
	if err == nil {
		err = checkSize(len(b))
	}
	if err == nil {
		err = l.room(ctx)
	}
	if err != nil {
		return err
	}
	l.spend(len(b))
	return l.s.out.message(l.id, frameData, b, false)
}

// spend counts a message that is sent.
func (l *link) spend(size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window -= messageCost + size
}

// room waits until a message may be sent.
func (l *link) room(ctx context.Context) error {
	for {
		l.mu.Lock()
		closed, free := l.closed, l.window > 0
		l.mu.Unlock()
		switch {
		case closed:
			return io.ErrClosedPipe
		case free:
			return nil
		}
		select {
		case <-l.roomy:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.s.done:
			return l.s.reason()
		}
	}
}
