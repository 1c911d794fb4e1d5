package session

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// outBytesMax is how much may wait to be written before who sends more waits.
	outBytesMax = 128 << 10
	// controlBytesMax is how much answers to the peer itself, which nobody can
	// wait for, may take beyond that; a peer that goes on asking without reading
	// is given up.
	controlBytesMax = 128 << 10
	// outBytesFirst is what a buffer begins with, and outGrowth by how much it
	// grows, copying what is in it.
	outBytesFirst = 16 << 10
	outGrowth     = 4
	// messageBytesFirst is what a buffer for one message begins with.
	messageBytesFirst = 4 << 10
	// bufferBytesMax is the largest buffer that is kept for the next who needs
	// one.
	bufferBytesMax = 4 * outBytesMax
	// writeTimeout is how long a peer may refuse to take bytes before the
	// session is given up.
	writeTimeout = 10 * time.Second
	// lingerTimeout is how long what was sent may still take once the session is
	// to be closed.
	lingerTimeout = time.Second
)

// outs are the buffers to write from, and messages those that a message is
// made in. All sessions share them: a server has one with each of thousands of
// nodes, and few of them are sent anything at a time.
var (
	outs     = pool{sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, outBytesFirst)} }}}
	messages = pool{sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, messageBytesFirst)} }}}
)

type pool struct{ sync.Pool }

type buffer struct{ b []byte }

func (p *pool) get() *buffer { return p.Get().(*buffer) }

func (p *pool) put(b *buffer) {
	if cap(b.b) <= bufferBytesMax {
		b.b = b.b[:0]
		p.Put(b)
	}
}

var errNotReading = errors.New("the peer does not read what it asks for")

// writer gathers the frames that many calls send at the same time, so that one
// system call takes all of them. Who sends does not wait for it, unless much
// waits already.
type writer struct {
	conn net.Conn
	lost func(error) // called when writing has failed

	wake    chan struct{} // room for one; closed never
	mu      sync.Mutex
	room    sync.Cond // for who waits to send
	rest    sync.Cond // for who waits until nothing is to be written
	out     *buffer   // to be written; nil: nothing
	busy    bool      // run is awake
	linger  bool      // the session is being closed
	stopped error     // why nothing can be sent any more
}

func (w *writer) init(conn net.Conn, lost func(error)) {
	w.conn, w.lost, w.wake = conn, lost, make(chan struct{}, 1)
	w.room.L, w.rest.L = &w.mu, &w.mu
}

// message sends a message in as many frames as it takes. The payload may be
// changed when it returns.
func (w *writer) message(call uint32, k frameKind, payload []byte) error {
	for {
		part := payload[:min(len(payload), frameBytesMax)]
		payload = payload[len(part):]
		kind := k
		if len(payload) > 0 {
			kind |= frameMore
		}
		if err := w.frame(call, kind, part); err != nil || len(payload) == 0 {
			return err
		}
	}
}

func (w *writer) frame(call uint32, k frameKind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait()
	defer w.pass()
	return w.add(call, k, payload)
}

// own sends a message that writes itself, to where it is sent from when it is
// not large, and tells its size.
func (w *writer) own(call uint32, k frameKind, v wire.Appender) (size int, err error) {
	large, size, err := w.place(call, k, v)
	if err == nil && large != nil {
		err = w.message(call, k, large)
	}
	return size, err
}

// place writes such a message; a large one it gives back in its form.
func (w *writer) place(call uint32, k frameKind, v wire.Appender) (large []byte, size int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait()
	defer w.pass()
	if w.stopped != nil {
		return nil, 0, w.stopped
	}
	out := w.buffer()
	at := len(out.b)
	b, err := v.AppendCBOR(appendFrame(out.b, call, k, nil))
	if err != nil {
		return nil, 0, err
	}
	if size = len(b) - at - frameHeadBytes; size > frameBytesMax {
		return bytes.Clone(b[at+frameHeadBytes:]), size, checkSize(size)
	}
	putHead(b[at:], call, k, size)
	out.b = b
	w.call()
	return nil, size, nil
}

// wait returns when there is room for more, or no sense in it; pass lets the
// next who waits go on. One goes after the other: hundreds may wait where few
// have room.
func (w *writer) wait() {
	for w.waiting() >= outBytesMax && w.stopped == nil {
		w.room.Wait()
	}
}

func (w *writer) pass() {
	if w.waiting() < outBytesMax {
		w.room.Signal()
	}
}

// control sends a short frame without ever waiting, as whoever reads from the
// peer must.
func (w *writer) control(call uint32, k frameKind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting() >= outBytesMax+controlBytesMax {
		return errNotReading
	}
	return w.add(call, k, payload)
}

func (w *writer) waiting() int {
	if w.out == nil {
		return 0
	}
	return len(w.out.b)
}

// buffer is where to write to.
func (w *writer) buffer() *buffer {
	if w.out == nil {
		w.out = outs.get()
	}
	return w.out
}

// call sees to it that what is in the buffer is written.
func (w *writer) call() {
	if !w.busy {
		w.busy = true
		w.wake <- struct{}{}
	}
}

func (w *writer) add(call uint32, k frameKind, payload []byte) error {
	if w.stopped != nil {
		return w.stopped
	}
	out := w.buffer()
	if need := len(out.b) + frameHeadBytes + len(payload); need > cap(out.b) {
		out.b = append(make([]byte, 0, max(need, outGrowth*cap(out.b))), out.b...)
	}
	out.b = appendFrame(out.b, call, k, payload)
	w.call()
	return nil
}

// run writes until stop.
func (w *writer) run() {
	for range w.wake {
		for {
			// Whoever else is about to send goes first; when nobody is, this
			// takes no time.
			runtime.Gosched()
			batch := w.take()
			if batch == nil {
				break
			}
			if _, err := w.conn.Write(batch.b); err != nil {
				w.lost(err)
			}
			outs.put(batch)
		}
		if w.over() {
			return
		}
	}
}

// take gives what is to be written now; nil when there is nothing.
func (w *writer) take() *buffer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting() == 0 || w.stopped != nil {
		w.busy = false
		w.rest.Broadcast()
		return nil
	}
	batch := w.out
	w.out = nil
	w.room.Signal()
	timeout := writeTimeout
	if w.linger {
		timeout = lingerTimeout
	}
	w.conn.SetWriteDeadline(time.Now().Add(timeout))
	return batch
}

func (w *writer) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped != nil
}

// drain waits until what was sent is written, for a moment at most.
func (w *writer) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linger = true
	w.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	for w.busy && w.stopped == nil {
		w.rest.Wait()
	}
}

// stop ends writing; the connection is to be closed.
func (w *writer) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped != nil {
		return
	}
	w.stopped = err
	w.room.Broadcast()
	w.rest.Broadcast()
	w.call()
}
