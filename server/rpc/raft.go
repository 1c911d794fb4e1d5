package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// RaftLayer is the part of the RPC port that carries the log: a
// raft.StreamLayer.
type RaftLayer struct {
	addr     net.Addr
	dialTLS  *tls.Config
	accepted chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

// take gives a connection to the log and waits until the log has closed it.
func (l *RaftLayer) take(conn net.Conn) {
	c := &closeNotifier{Conn: conn, done: make(chan struct{})}
	select {
	case l.accepted <- c:
		<-c.done
	case <-l.closed:
	}
}

// closeNotifier tells when it is closed.
type closeNotifier struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (c *closeNotifier) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Conn.Close()
}

// Accept gives the next connection of another server.
func (l *RaftLayer) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends accepting.
func (l *RaftLayer) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the advertised address.
func (l *RaftLayer) Addr() net.Addr { return l.addr }

// Dial connects to another server's log.
func (l *RaftLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return dial(ctx, string(address), wire.ByteRaft, l.dialTLS)
}
