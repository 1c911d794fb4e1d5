// Package rpc is the server's RPC port: it accepts connections, tells by their
// first byte whether they carry the log or calls, dials other servers, and
// remembers over which session each node can be called. The server package
// puts it together with the log and the handlers. It never decides where a
// call belongs.
package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// helloTimeout is how long a new connection may take to say what it is,
	// TLS handshake included.
	helloTimeout = 5 * time.Second
	// dialTimeout bounds dialling a server; they are near, or gone.
	dialTimeout = 3 * time.Second
	// connsPerAddrDefault bounds the connections of one client address, the
	// peer's default.
	connsPerAddrDefault = 100
	// acceptPause is how long accepting rests after an error, such as too
	// many open files.
	acceptPause = 50 * time.Millisecond
)

// Config is what the RPC port stands on.
type Config struct {
	Bind      string // host:port to listen on; port 0 takes a free one
	Advertise string // host:port others dial; "" is what is listened on
	// Mux serves the calls of nodes and other servers. Required.
	Mux *session.Mux
	// Nodes forgets the nodes of a session that has ended. Required.
	Nodes *Nodes
	// ConnsPerAddr bounds the connections of one client address; 0 is 100,
	// below 0 is no bound.
	ConnsPerAddr int
	// ServeTLS and DialTLS, when set, protect what is accepted and dialled.
	ServeTLS, DialTLS *tls.Config
	// RaftLost is called after a connection of another server's log has
	// ended, for whatever reason; nil does nothing.
	RaftLost func(ctx context.Context)
	Logger   hclog.Logger // required
}

// Listener is the RPC port.
type Listener struct {
	cfg  Config
	log  hclog.Logger
	l    net.Listener
	addr net.Addr // advertised
	raft *RaftLayer

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
	counts map[string]int // connections by client address
}

// Listen opens the port; Run serves it.
func Listen(cfg Config) (*Listener, error) {
	if cfg.Mux == nil || cfg.Nodes == nil || cfg.Logger == nil {
		return nil, errors.New("rpc: Mux, Nodes and Logger are required")
	}
	if cfg.ConnsPerAddr == 0 {
		cfg.ConnsPerAddr = connsPerAddrDefault
	}
	l, err := net.Listen("tcp", cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("listening for RPC on %s: %w", cfg.Bind, err)
	}
	addr := l.Addr()
	if cfg.Advertise != "" {
		tcp, err := net.ResolveTCPAddr("tcp", cfg.Advertise)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("resolving the advertised RPC address %q: %w", cfg.Advertise, err)
		}
		if tcp.Port == 0 {
			tcp.Port = addr.(*net.TCPAddr).Port
		}
		addr = tcp
	}
	r := &Listener{cfg: cfg, log: cfg.Logger.Named("rpc"), l: l, addr: addr, conns: map[net.Conn]struct{}{}, counts: map[string]int{}}
	r.raft = &RaftLayer{addr: addr, dialTLS: cfg.DialTLS, accepted: make(chan net.Conn), closed: make(chan struct{})}
	return r, nil
}

// Addr is the advertised address.
func (r *Listener) Addr() string { return r.addr.String() }

// Raft is the port as the log's transport sees it.
func (r *Listener) Raft() *RaftLayer { return r.raft }

// Run serves the port until ctx ends, and then ends every session.
func (r *Listener) Run(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, r.Close)
	defer stop()
	for {
		conn, err := r.l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			r.log.Error("accepting a connection failed", "error", err)
			select {
			case <-time.After(acceptPause):
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if !r.admit(conn) {
			conn.Close()
			continue
		}
		serving.Go(func() {
			defer r.dismiss(conn)
			r.serve(ctx, conn)
		})
	}
}

// Close stops listening and cuts every connection.
func (r *Listener) Close() {
	r.l.Close()
	r.raft.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for conn := range r.conns {
		conn.Close()
	}
}

func clientAddr(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}

// admit counts a connection, unless its address has enough already.
func (r *Listener) admit(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	host := clientAddr(conn)
	if r.closed {
		return false
	}
	if r.cfg.ConnsPerAddr > 0 && r.counts[host] >= r.cfg.ConnsPerAddr {
		r.log.Warn("connection refused: too many of its address (limits.rpc_max_conns_per_client)", "address", host, "limit", r.cfg.ConnsPerAddr)
		return false
	}
	r.counts[host]++
	r.conns[conn] = struct{}{}
	return true
}

func (r *Listener) dismiss(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	host := clientAddr(conn)
	if r.counts[host]--; r.counts[host] <= 0 {
		delete(r.counts, host)
	}
}

// serve serves one connection to its end.
func (r *Listener) serve(ctx context.Context, raw net.Conn) {
	conn := raw
	conn.SetDeadline(time.Now().Add(helloTimeout))
	if r.cfg.ServeTLS != nil {
		conn = tls.Server(raw, r.cfg.ServeTLS)
	}
	var hello [1]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil {
		if !errors.Is(err, io.EOF) {
			r.log.Debug("connection ended before it said what it is", "from", raw.RemoteAddr(), "error", err)
		}
		return
	}
	conn.SetDeadline(time.Time{})
	switch hello[0] {
	case wire.ByteRaft:
		r.raft.take(conn)
		if r.cfg.RaftLost != nil && ctx.Err() == nil {
			r.cfg.RaftLost(ctx)
		}
	case wire.ByteSession:
		s, err := session.Accept(conn, r.cfg.Mux, session.Config{Logger: r.log})
		if err != nil {
			r.log.Error("starting a session failed", "from", raw.RemoteAddr(), "error", err)
			return
		}
		select {
		case <-s.Done():
		case <-ctx.Done():
		}
		s.Close()
		r.cfg.Nodes.forget(s.Peer().NodeID, s)
	default:
		r.log.Warn("connection of an unknown kind; is the sender a Nomad agent of another product?", "from", raw.RemoteAddr(), "byte", hello[0])
	}
}

// Dial connects to the RPC port of a server and says what for.
func dial(ctx context.Context, addr string, hello byte, conf *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var conn net.Conn
	var err error
	if conf != nil {
		conn, err = (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("dialling the server at %s: %w", addr, err)
	}
	conn.SetWriteDeadline(time.Now().Add(dialTimeout))
	if _, err := conn.Write([]byte{hello}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greeting the server at %s: %w", addr, err)
	}
	conn.SetWriteDeadline(time.Time{})
	return conn, nil
}
