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
	// urgentBytesMax is the same for what is urgent, and the largest message that
	// is sent so: a heartbeat takes a hundred bytes, the registration of a node
	// some thousands.
	urgentBytesMax = 32 << 10
	// controlBytesMax is how much answers to the peer itself, which nobody can
	// wait for, may take beyond that; a peer that goes on asking without reading
	// is given up.
	controlBytesMax = 128 << 10
	// writeTimeout is how long a peer may refuse to take bytes before the
	// session is given up.
	writeTimeout = 10 * time.Second
	// lingerTimeout is how long what was sent may still take once the session is
	// to be closed.
	lingerTimeout = time.Second
)

var errNotReading = errors.New("the peer does not read what it asks for")

// writer gathers the frames that many calls send at the same time, so that one
// system call takes all of them. Who sends does not wait for it, unless much
// waits already. What is urgent waits in a lane of its own and is written before
// the rest, of which every write takes all: neither holds up the other for
// longer than one write.
type writer struct {
	conn net.Conn
	lost func(error) // called when writing has failed

	wake    chan struct{} // room for one; closed never
	mu      sync.Mutex
	urgent  lane
	bulk    lane
	rest    sync.Cond // for who waits until nothing is to be written
	busy    bool      // run is awake
	linger  bool      // the session is being closed
	stopped error     // why nothing can be sent any more
}

// lane is frames in the order in which they are written.
type lane struct {
	most int       // bytes that may wait before who sends more waits
	room sync.Cond // for who waits to send
	out  *buffer   // to be written; nil: nothing
}

func (l *lane) waiting() int {
	if l.out == nil {
		return 0
	}
	return len(l.out.b)
}

// buffer is where to write so many bytes to.
func (l *lane) buffer(n int) *buffer {
	if l.out == nil {
		l.out = outs.get()
	}
	l.out.grow(n)
	return l.out
}

// take gives what is to be written; nil when there is nothing.
func (l *lane) take() *buffer {
	if l.waiting() == 0 {
		return nil
	}
	out := l.out
	l.out = nil
	l.room.Signal()
	return out
}

// pass lets the next who waits go on. One goes after the other: hundreds may
// wait where few have room.
func (l *lane) pass() {
	if l.waiting() < l.most {
		l.room.Signal()
	}
}

func (w *writer) init(conn net.Conn, lost func(error)) {
	w.conn, w.lost, w.wake = conn, lost, make(chan struct{}, 1)
	w.urgent.most, w.bulk.most = urgentBytesMax, outBytesMax
	w.urgent.room.L, w.bulk.room.L, w.rest.L = &w.mu, &w.mu, &w.mu
}

// message sends a message in as many frames as it takes. The payload may be
// changed when it returns. An urgent one overtakes what was sent before, unless
// it is large: nothing else of its call may be on the way.
func (w *writer) message(call uint32, k frameKind, payload []byte, urgent bool) error {
	l := &w.bulk
	if urgent && len(payload) <= urgentBytesMax {
		l = &w.urgent
	}
	for {
		part := payload[:min(len(payload), frameBytesMax)]
		payload = payload[len(part):]
		kind := k
		if len(payload) > 0 {
			kind |= frameMore
		}
		if err := w.frame(l, call, kind, part); err != nil || len(payload) == 0 {
			return err
		}
	}
}

func (w *writer) frame(l *lane, call uint32, k frameKind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait(l)
	defer l.pass()
	return w.add(l, call, k, payload)
}

// own sends a message that writes itself, to where it is sent from when it is
// not large, and tells its size, of which likely is a guess.
func (w *writer) own(call uint32, k frameKind, v wire.Appender, likely int) (size int, err error) {
	large, size, err := w.place(call, k, v, likely)
	if err == nil && large != nil {
		err = w.message(call, k, large, false)
	}
	return size, err
}

// place writes such a message; a large one it gives back in its form.
func (w *writer) place(call uint32, k frameKind, v wire.Appender, likely int) (large []byte, size int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait(&w.bulk)
	defer w.bulk.pass()
	if w.stopped != nil {
		return nil, 0, w.stopped
	}
	out := w.bulk.buffer(frameHeadBytes + min(likely, frameBytesMax))
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

// wait returns when there is room for more, or no sense in it.
func (w *writer) wait(l *lane) {
	for l.waiting() >= l.most && w.stopped == nil {
		l.room.Wait()
	}
}

// control sends a short frame of a call without ever waiting, as whoever reads
// from the peer must; behind what was sent of the call before.
func (w *writer) control(call uint32, k frameKind, payload []byte) error {
	return w.short(&w.bulk, call, k, payload)
}

// alive sends a ping or pong, which are of no call: a peer is asked, or
// answered, however much is on its way to it.
func (w *writer) alive(k frameKind) error { return w.short(&w.urgent, 0, k, nil) }

func (w *writer) short(l *lane, call uint32, k frameKind, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.waiting() >= l.most+controlBytesMax {
		return errNotReading
	}
	return w.add(l, call, k, payload)
}

// call sees to it that what is in the lanes is written.
func (w *writer) call() {
	if !w.busy {
		w.busy = true
		w.wake <- struct{}{}
	}
}

func (w *writer) add(l *lane, call uint32, k frameKind, payload []byte) error {
	if w.stopped != nil {
		return w.stopped
	}
	out := l.buffer(frameHeadBytes + len(payload))
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
			first, rest := w.take()
			if first == nil && rest == nil {
				break
			}
			w.write(first)
			w.write(rest)
		}
		if w.over() {
			return
		}
	}
}

// write writes what was taken, if it is anything.
func (w *writer) write(batch *buffer) {
	if batch == nil {
		return
	}
	if _, err := w.conn.Write(batch.b); err != nil {
		w.lost(err)
	}
	outs.put(batch)
}

// take gives what is to be written now.
func (w *writer) take() (first, rest *buffer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.urgent.waiting()+w.bulk.waiting() == 0 || w.stopped != nil {
		w.busy = false
		w.rest.Broadcast()
		return nil, nil
	}
	timeout := writeTimeout
	if w.linger {
		timeout = lingerTimeout
	}
	w.conn.SetWriteDeadline(time.Now().Add(timeout))
	return w.urgent.take(), w.bulk.take()
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
	w.urgent.room.Broadcast()
	w.bulk.room.Broadcast()
	w.rest.Broadcast()
	w.call()
}
