// Package session carries calls between agents: many at a time over one
// connection, in both directions, so that a server can also call a node that
// only ever dialled out. Servers, nodes and the agent use it; the handlers
// behind a Mux do not know whether a call came over a wire or from the same
// process. It never interprets a request, never retries a call, and knows
// nothing of leaders or regions.
//
// What flows are frames (see frame.go), each of which says which call it belongs
// to. A unary call is one message each way. The messages of a stream wait at
// the receiver up to a window, and then at the sender, so that one that is not
// read holds up no other. What many calls send at the same time is written at
// once (see writer.go). Calls that their maker calls urgent, with their replies,
// go before all others.
package session

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Bounds of one session.
const (
	// callsMax bounds the calls under way in each direction. Blocking reads
	// of a whole agent share one session, so it is generous.
	callsMax = 8192
	// urgentCallsMax is how many of them are left to urgent calls. A session has
	// seldom more than one, and one that hundreds of simulated nodes share some
	// dozens.
	urgentCallsMax = 256
	// workersMax bounds the goroutines that wait for further calls: more would
	// only hold memory.
	workersMax = 16
	// keepAliveDefault is how long a peer may be silent before it is probed.
	keepAliveDefault = 15 * time.Second
	// answerTimeout is how long it may then stay so.
	answerTimeout = 10 * time.Second
)

var (
	errClosed   = errors.New("the session was closed")
	errSilent   = errors.New("the peer has not answered for too long")
	errOverrun  = errors.New("the peer sent more than there was room for")
	errBadCalls = errors.New("the peer mixed up its calls")
)

// Config tunes a session.
type Config struct {
	// Logger takes what goes wrong below the calls. Nil is silence.
	Logger hclog.Logger
	// KeepAlive is how long the peer may be silent before it is probed; 0 is 15 s.
	KeepAlive time.Duration
}

// Session is one connection with calls in both directions: a Caller to the
// peer that serves a Mux to it.
type Session struct {
	mux  *Mux
	conn net.Conn
	log  hclog.Logger
	peer atomic.Pointer[PeerInfo]
	out  writer

	slots, urgentSlots slots

	mu       sync.Mutex
	links    map[uint32]*link // calls of both sides that have not ended
	last     uint32           // number of the newest call made; those of the dialler are odd
	incoming int              // calls being served
	cause    error            // why the session has ended

	done    chan struct{}
	ctx     context.Context // ends with the session; the parent of every call served
	cancel  context.CancelFunc
	serving sync.WaitGroup
	work    chan *served // to a goroutine that waits for it
	idle    atomic.Int64 // such goroutines

	heard atomic.Bool   // something has come since the last look
	every time.Duration // between looks
	look  *time.Timer   // guarded by mu
	asked bool          // the peer was probed; guarded by mu
}

// Dial starts the side that dialled the connection. A nil mux serves nothing.
func Dial(conn net.Conn, mux *Mux, cfg Config) (*Session, error) {
	return start(conn, mux, cfg, 1), nil
}

// Accept starts the side that accepted the connection.
func Accept(conn net.Conn, mux *Mux, cfg Config) (*Session, error) {
	return start(conn, mux, cfg, 2), nil
}

func start(conn net.Conn, mux *Mux, cfg Config, first uint32) *Session {
	if mux == nil {
		mux = NewMux()
	}
	log := cfg.Logger
	if log == nil {
		log = hclog.NewNullLogger()
	}
	keepAlive := cfg.KeepAlive
	if keepAlive <= 0 {
		keepAlive = keepAliveDefault
	}
	s := &Session{
		mux: mux, conn: conn, log: log, slots: make(slots, callsMax-urgentCallsMax), urgentSlots: make(slots, urgentCallsMax), links: map[uint32]*link{}, last: first,
		done: make(chan struct{}), work: make(chan *served),
		// A look finds out about the time since the last: twice as often, and no
		// silence is longer.
		every: keepAlive / 2,
	}
	s.out.init(conn, s.end)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.peer.Store(&PeerInfo{Addr: conn.RemoteAddr()})
	s.mu.Lock()
	s.look = time.AfterFunc(s.every, s.listen)
	s.mu.Unlock()
	s.serving.Go(s.out.run)
	s.serving.Go(s.receive)
	return s
}

// Close ends the session and every call on it, and waits for the handlers of
// the peer's calls. It must not be called from one of them.
func (s *Session) Close() error {
	late := time.AfterFunc(lingerTimeout, func() { s.end(errClosed) })
	s.out.drain()
	late.Stop()
	s.end(errClosed)
	s.serving.Wait()
	return nil
}

// end ends the session without waiting.
func (s *Session) end(cause error) {
	s.mu.Lock()
	if s.cause != nil {
		s.mu.Unlock()
		return
	}
	s.cause = cause
	s.look.Stop()
	s.mu.Unlock()
	if cause != errClosed && !errors.Is(cause, io.EOF) {
		s.log.Debug("session ended", "peer", s.conn.RemoteAddr(), "reason", cause)
	}
	close(s.done)
	s.cancel()
	s.out.stop(cause)
	s.conn.Close()
}

// reason is why the session has ended.
func (s *Session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Done is closed when the session has ended, by either side or the network.
func (s *Session) Done() <-chan struct{} { return s.done }

// Peer is who is at the other end, as far as is known.
func (s *Session) Peer() PeerInfo { return *s.peer.Load() }

// SetPeer records who is at the other end, once a call has proved it.
func (s *Session) SetPeer(p PeerInfo) {
	if p.Addr == nil {
		p.Addr = s.Peer().Addr
	}
	s.peer.Store(&p)
}

// listen probes a peer that has been silent, and gives up one that stays so.
func (s *Session) listen() {
	s.mu.Lock()
	gone, heard := false, s.heard.Swap(false)
	switch {
	case s.cause != nil:
	case heard:
		s.asked = false
		s.look.Reset(s.every)
	case s.asked:
		gone = true
	default:
		s.asked = true
		s.look.Reset(answerTimeout)
		gone = s.out.alive(framePing) != nil
	}
	s.mu.Unlock()
	if gone {
		s.end(errSilent)
	}
}

// receive takes what the peer sends until the session ends.
func (s *Session) receive() {
	r := bufio.NewReader(s.conn)
	for {
		if err := s.next(r); err != nil {
			s.end(err)
			return
		}
		if !s.heard.Load() {
			s.heard.Store(true)
		}
	}
}

// next takes one frame. It never waits for anybody but the peer.
func (s *Session) next(r *bufio.Reader) error {
	b, err := r.Peek(frameHeadBytes)
	if err != nil {
		return err
	}
	h, err := readHead(b)
	if err != nil {
		return err
	}
	r.Discard(frameHeadBytes)
	switch h.kind {
	case framePing, framePong:
		if h.length > 0 {
			return errBadFrame
		}
		if h.kind == framePing {
			return s.out.alive(framePong)
		}
		return nil
	case frameCall:
		return s.opening(r, h)
	}
	s.mu.Lock()
	l := s.links[h.call]
	s.mu.Unlock()
	if l == nil {
		_, err := r.Discard(h.length)
		return err // of a call that has ended
	}
	switch h.kind {
	case frameStop:
		switch {
		case l.mine || h.length > 0:
			return errBadFrame
		case l.begun == frameCall:
			return errBadCalls
		}
		l.stop()
		return nil
	case frameCredit:
		if h.length != creditBytes {
			return errBadFrame
		}
		if b, err = r.Peek(creditBytes); err == nil {
			l.grant(int(binary.BigEndian.Uint32(b)))
			r.Discard(creditBytes)
		}
		return err
	}
	switch {
	case !l.mine && !l.stream:
		return errBadCalls // it has said all
	case l.begun == 0 && l.overrun():
		return errOverrun
	}
	m, whole, err := l.read(r, h)
	if err != nil || !whole {
		return err
	}
	if l.mine && (!l.stream || m.kind != frameData) {
		s.forget(l)
	}
	l.deliver(m)
	return nil
}

// opening takes a frame that opens a call.
func (s *Session) opening(r *bufio.Reader, h head) error {
	s.mu.Lock()
	l := s.links[h.call]
	if l == nil {
		if h.call%2 == s.last%2 {
			s.mu.Unlock()
			return errBadCalls
		}
		l = s.newLink(h.call, false, false)
		l.refused = s.incoming >= callsMax
		s.incoming++
		s.links[h.call] = l
	} else if l.begun != frameCall {
		s.mu.Unlock()
		return errBadCalls
	}
	s.mu.Unlock()
	m, whole, err := l.read(r, h)
	if err != nil || !whole {
		return err
	}
	if l.refused {
		s.forget(l)
		return s.out.control(l.id, frameError, encodeError(nl.Errorf(nl.CodeTooMany, "too many calls on one session (at most %d)", callsMax)))
	}
	head, body, err := readHeader(m.payload)
	if err != nil {
		return err
	}
	c := &served{link: l, header: head, body: body, came: m}
	if head.stream {
		l.open()
		// It may last for days, and the buffer is for others.
		c.body = bytes.Clone(body)
		c.came.release()
	}
	select {
	case s.work <- c:
	default:
		s.serving.Go(func() { s.worker(c) })
	}
	if c.urgent {
		// Whoever was woken last goes on first: it goes before all that wait for a
		// processor, which on a busy server are thousands, and before who is woken
		// by the frames behind this one.
		runtime.Gosched()
	}
	return nil
}

// forget ends a call here, and tells whether it had not ended yet; what still
// comes of it is passed over.
func (s *Session) forget(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links[l.id] != l {
		return false
	}
	delete(s.links, l.id)
	if !l.mine {
		s.incoming--
	}
	return true
}

// credit tells the peer that bytes of a stream were read.
func (s *Session) credit(call uint32, n int) {
	var b [creditBytes]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	if err := s.out.control(call, frameCredit, b[:]); err != nil {
		s.end(err)
	}
}
