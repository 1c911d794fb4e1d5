// Package servers keeps a node's one session to the servers: it dials, fails
// over to another server when the connection is lost, and lets the servers call
// the node back over it. It is the session.Caller of a client-only agent. The
// client runs it; it never decides what to say to servers.
package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// dialTimeout bounds one attempt to reach one server.
	dialTimeout = 5 * time.Second
	// retryMin and retryMax bound the pause after a round in which no server
	// answered. The first is short: a server that just restarts is back soon.
	retryMin = 100 * time.Millisecond
	retryMax = 5 * time.Second
	// waitForSession is how long a call waits for a connection before it fails.
	waitForSession = 10 * time.Second
)

// ErrNoServers is what calls fail with while no server can be reached.
var ErrNoServers error = nl.Errorf(nl.CodeInternal, "No path to region")

// Dialer opens a connection to a server's RPC port.
type Dialer func(ctx context.Context, addr string) (net.Conn, error)

// Config of a connection.
type Config struct {
	// Addrs are the servers known at start, host:port.
	Addrs []string
	// Dial opens connections; nil dials plain TCP.
	Dial Dialer
	// Local, when not nil, is a server in the same process: nothing is dialled.
	Local session.Caller
	// Mux answers the servers' calls.
	Mux *session.Mux
	// Logger; nil is silence.
	Logger hclog.Logger
}

// Servers is the connection.
type Servers struct {
	cfg Config
	log hclog.Logger

	mu      sync.Mutex
	addrs   []string
	current *session.Session
	addr    string        // of current
	changed chan struct{} // closed when current changes
}

// New makes a connection that Run opens.
func New(cfg Config) (*Servers, error) {
	if cfg.Mux == nil {
		return nil, errors.New("connection to servers needs a Mux to answer their calls")
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	return &Servers{cfg: cfg, log: cfg.Logger, addrs: slices.Clone(cfg.Addrs), changed: make(chan struct{})}, nil
}

// Run keeps a session open until ctx ends.
func (s *Servers) Run(ctx context.Context) error {
	if s.cfg.Local != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	pause := retryMin
	for ctx.Err() == nil {
		sess, addr, err := s.connect(ctx)
		if err != nil {
			s.log.Warn("no server can be reached", "error", err, "retry", pause)
			s.sleep(ctx, pause)
			pause = min(pause*2, retryMax)
			continue
		}
		pause = retryMin
		s.set(sess, addr)
		s.log.Debug("connected to server", "address", addr)
		select {
		case <-ctx.Done():
		case <-sess.Done():
			s.log.Debug("connection to server lost", "address", addr)
		}
		s.set(nil, "")
		sess.Close()
	}
	return ctx.Err()
}

// sleep waits, or less when new servers become known.
func (s *Servers) sleep(ctx context.Context, d time.Duration) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}

// connect tries every known server once, in random order.
func (s *Servers) connect(ctx context.Context) (*session.Session, string, error) {
	addrs := s.Addrs()
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	if len(addrs) == 0 {
		return nil, "", errors.New("no server is known: set client.servers or client.server_join")
	}
	var errs []error
	for _, addr := range addrs {
		sess, err := s.dial(ctx, addr)
		if err == nil {
			return sess, addr, nil
		}
		errs = append(errs, fmt.Errorf("server %s: %w", addr, err))
	}
	return nil, "", errors.Join(errs...)
}

func (s *Servers) dial(ctx context.Context, addr string) (*session.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := s.cfg.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetWriteDeadline(deadline)
	}
	if _, err := conn.Write([]byte{wire.ByteSession}); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetWriteDeadline(time.Time{})
	return session.Dial(conn, s.cfg.Mux, session.Config{Logger: s.log})
}

func (s *Servers) set(sess *session.Session, addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.addr = sess, addr
	close(s.changed)
	s.changed = make(chan struct{})
}

// Addrs are the servers known now.
func (s *Servers) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.addrs)
}

// SetAddrs replaces the servers known, by the operator.
func (s *Servers) SetAddrs(addrs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.addrs, addrs) {
		return
	}
	s.addrs = slices.Clone(addrs)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Learn replaces the servers known by those that a server told of. An empty
// list teaches nothing.
func (s *Servers) Learn(list []query.Server) {
	var addrs []string
	for _, srv := range list {
		if srv.RPCAddr != "" {
			addrs = append(addrs, srv.RPCAddr)
		}
	}
	if len(addrs) == 0 {
		return
	}
	slices.Sort(addrs)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addrs = addrs
}

// Connected tells whether a session is open, and to which server.
func (s *Servers) Connected() (addr string, ok bool) {
	if s.cfg.Local != nil {
		return "", true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr, s.current != nil
}

// session waits for an open session.
func (s *Servers) session(ctx context.Context) (*session.Session, error) {
	timer := time.NewTimer(waitForSession)
	defer timer.Stop()
	for {
		s.mu.Lock()
		sess, changed := s.current, s.changed
		s.mu.Unlock()
		if sess != nil {
			return sess, nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, ErrNoServers
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Call calls the servers. A call that no server has seen is made again on the
// next session.
func (s *Servers) Call(ctx context.Context, method string, req, reply any) error {
	if s.cfg.Local != nil {
		return s.cfg.Local.Call(s.local(ctx), method, req, reply)
	}
	for {
		sess, err := s.session(ctx)
		if err != nil {
			return err
		}
		err = sess.Call(ctx, method, req, reply)
		if !unseen(err) {
			return err
		}
		s.drop(sess)
	}
}

// Stream opens a streaming call to the servers.
func (s *Servers) Stream(ctx context.Context, method string, req any) (session.Stream, error) {
	if s.cfg.Local != nil {
		return s.cfg.Local.Stream(s.local(ctx), method, req)
	}
	for {
		sess, err := s.session(ctx)
		if err != nil {
			return nil, err
		}
		st, err := sess.Stream(ctx, method, req)
		if !unseen(err) {
			return st, err
		}
		s.drop(sess)
	}
}

// drop forgets a session that turned out to be dead before Run noticed.
func (s *Servers) drop(sess *session.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == sess {
		s.current = nil
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// local marks a call to the server in this process with the way back.
func (s *Servers) local(ctx context.Context) context.Context {
	return session.WithBack(ctx, s.cfg.Mux, nil)
}

func unseen(err error) bool {
	var lost *session.LostError
	return errors.As(err, &lost) && !lost.Sent
}
