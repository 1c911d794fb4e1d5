// Package session carries calls between agents: many at a time over one
// connection, in both directions, so that a server can also call a node that
// only ever dialled out. Servers, nodes and the agent use it; the handlers
// behind a Mux do not know whether a call came over a wire or from the same
// process. It never interprets a request, never retries a call, and knows
// nothing of leaders or regions.
//
// Every call has a yamux stream to itself. What flows on it are frames (see
// frame.go); a stream whose unary call has ended cleanly serves the next one,
// so that most calls cost one write each way.
package session

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/yamux"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Bounds of one session.
const (
	// callsMax bounds the calls under way in each direction. Blocking reads
	// of a whole agent share one session, so it is generous.
	callsMax = 8192
	// idleStreamsMax bounds the streams kept for reuse: more would only hold
	// memory, since a stream is opened in one round trip.
	idleStreamsMax = 64
	// acceptBacklog bounds the streams opened but not yet taken up.
	acceptBacklog = 1024
	// keepAliveDefault is how often a silent peer is probed.
	keepAliveDefault = 15 * time.Second
	// writeTimeout is how long a peer may refuse to take bytes before the
	// session is given up.
	writeTimeout = 10 * time.Second
	// closeTimeout is how long a peer may keep its half of a stream that this
	// side has closed.
	closeTimeout = 30 * time.Second
)

// Config tunes a session.
type Config struct {
	// Logger takes what goes wrong below the calls. Nil is silence.
	Logger hclog.Logger
	// KeepAlive is how often the peer is probed; 0 is 15 s.
	KeepAlive time.Duration
}

// Session is one connection with calls in both directions: a Caller to the
// peer that serves a Mux to it.
type Session struct {
	mux   *Mux
	ymx   *yamux.Session
	log   hclog.Logger
	peer  atomic.Pointer[PeerInfo]
	slots chan struct{} // one per call made and not ended

	mu   sync.Mutex
	idle []*yamux.Stream            // newest last
	live map[*yamux.Stream]struct{} // open, to end their readers

	ctx      context.Context // ends with the session; the parent of every call served
	cancel   context.CancelFunc
	serving  sync.WaitGroup
	incoming atomic.Int64 // calls being served
}

// Dial starts the side that dialled the connection. A nil mux serves nothing.
func Dial(conn net.Conn, mux *Mux, cfg Config) (*Session, error) {
	return start(conn, mux, cfg, yamux.Client)
}

// Accept starts the side that accepted the connection.
func Accept(conn net.Conn, mux *Mux, cfg Config) (*Session, error) {
	return start(conn, mux, cfg, yamux.Server)
}

func start(conn net.Conn, mux *Mux, cfg Config, side func(io.ReadWriteCloser, *yamux.Config) (*yamux.Session, error)) (*Session, error) {
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
	s := &Session{mux: mux, log: log, slots: make(chan struct{}, callsMax), live: map[*yamux.Stream]struct{}{}}
	ymx, err := side(newCoalescer(conn, s.interrupt), &yamux.Config{
		AcceptBacklog:          acceptBacklog,
		EnableKeepAlive:        true,
		KeepAliveInterval:      keepAlive,
		ConnectionWriteTimeout: writeTimeout,
		MaxStreamWindowSize:    streamWindow,
		StreamCloseTimeout:     closeTimeout,
		StreamOpenTimeout:      writeTimeout,
		Logger:                 log.Named("yamux").StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("starting a session with %s: %w", conn.RemoteAddr(), err)
	}
	s.ymx = ymx
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.peer.Store(&PeerInfo{Addr: conn.RemoteAddr()})
	s.serving.Add(1)
	go s.accept()
	return s, nil
}

// Close ends the session and every call on it, and waits for the handlers of
// the peer's calls. It must not be called from one of them.
func (s *Session) Close() error {
	err := s.abort()
	s.serving.Wait()
	return err
}

// abort ends the session without waiting.
func (s *Session) abort() error {
	s.cancel()
	s.interrupt()
	return s.ymx.Close()
}

// interrupt ends the readers of all streams. yamux lets them spin from the
// moment it starts to close until it has reached each stream, and thousands
// of them keep it from ever getting there.
func (s *Session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.live {
		st.SetReadDeadline(longAgo)
	}
}

// track remembers a stream while it is open.
func (s *Session) track(st *yamux.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[st] = struct{}{}
}

// shut closes a stream for good.
func (s *Session) shut(st *yamux.Stream) error {
	s.mu.Lock()
	delete(s.live, st)
	s.mu.Unlock()
	return st.Close()
}

// Done is closed when the session has ended, by either side or the network.
func (s *Session) Done() <-chan struct{} { return s.ymx.CloseChan() }

// Peer is who is at the other end, as far as is known.
func (s *Session) Peer() PeerInfo { return *s.peer.Load() }

// SetPeer records who is at the other end, once a call has proved it.
func (s *Session) SetPeer(p PeerInfo) {
	if p.Addr == nil {
		p.Addr = s.Peer().Addr
	}
	s.peer.Store(&p)
}

// accept takes up the streams that the peer opens until the session ends.
func (s *Session) accept() {
	defer s.serving.Done()
	defer s.cancel()
	for {
		st, err := s.ymx.AcceptStream()
		if err != nil {
			if !s.ymx.IsClosed() {
				s.ymx.Close()
			}
			return
		}
		s.serving.Add(1)
		s.track(st)
		go func() {
			defer s.serving.Done()
			defer s.shut(st)
			s.serve(st)
		}()
	}
}

// serve answers the calls on one stream, one after the other.
func (s *Session) serve(st *yamux.Stream) {
	for {
		h, err := readCall(st)
		if err != nil {
			return
		}
		body, err := readFrame(st)
		if err != nil || body.kind != frameData {
			return
		}
		if s.incoming.Add(1) > callsMax {
			s.incoming.Add(-1)
			if writeError(st, nl.Errorf(nl.CodeTooMany, "too many calls on one session (at most %d)", callsMax)) != nil || h.Stream {
				return
			}
			continue
		}
		var more bool
		if h.Stream {
			s.serveStream(st, h, body.payload)
		} else {
			more = s.serveUnary(st, h, body.payload)
		}
		s.incoming.Add(-1)
		if !more {
			return
		}
	}
}

// callContext is what a handler sees of the call.
func (s *Session) callContext(h *header) (context.Context, context.CancelFunc) {
	ctx := context.WithValue(s.ctx, callKey{}, &callInfo{session: s, meta: h.Meta})
	if h.Timeout > 0 {
		return context.WithTimeout(ctx, h.Timeout)
	}
	return context.WithCancel(ctx)
}

// serveUnary answers one call, cancelling it when the peer closes the stream
// before there is an answer. It tells whether the stream can carry another.
func (s *Session) serveUnary(st *yamux.Stream, h *header, body []byte) (more bool) {
	ctx, cancel := s.callContext(h)
	defer cancel()
	gone := make(chan struct{})
	stop := watch(st, func() { close(gone); cancel() })
	reply, err := s.answer(ctx, h.Method, body)
	if !stop() {
		return false
	}
	if err != nil {
		return writeError(st, err) == nil
	}
	return writeFrame(st, frameData, reply) == nil
}

// answer runs the handler of a unary call.
func (s *Session) answer(ctx context.Context, method string, body []byte) (reply []byte, err error) {
	defer s.survive(method, &err)
	var raw Raw
	if err := s.mux.Call(ctx, method, Raw(body), &raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// survive turns a handler's panic into an error: one bad call must not end
// the agent, and the peer is owed an answer.
func (s *Session) survive(method string, err *error) {
	if p := recover(); p != nil {
		s.log.Error("call failed unexpectedly; please report this", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = nl.Errorf(nl.CodeInternal, "%s failed unexpectedly: %v", method, p)
	}
}

// serveStream answers one streaming call.
func (s *Session) serveStream(st *yamux.Stream, h *header, body []byte) {
	ctx, cancel := s.callContext(h)
	defer cancel()
	ss := &servedStream{st: st, in: make(chan frame, inboxMax), ctx: ctx}
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		ss.pump(cancel)
	}()
	err := func() (err error) {
		defer s.survive(h.Method, &err)
		return s.mux.ServeStream(ctx, h.Method, Raw(body), ss)
	}()
	if err != nil {
		writeError(st, err)
	} else {
		writeFrame(st, frameEnd, nil)
	}
	cancel()
	st.Close()
	st.SetReadDeadline(time.Unix(1, 0)) // the pump must not wait for a peer that keeps its half open
	<-pumped
}
