package rpc

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come, on a busy machine.
const patience = 20 * time.Second

type text struct{ Text string }

// listen runs a port whose sessions answer Echo and, for nodes, Bind.
func listen(t *testing.T, change func(*Config)) (*Listener, *Nodes) {
	t.Helper()
	nodes, mux := NewNodes(), session.NewMux()
	session.Handle(mux, "Echo", func(_ context.Context, req, reply *text) error { reply.Text = req.Text; return nil })
	session.Handle(mux, "Bind", func(ctx context.Context, req, _ *text) error { nodes.Bind(ctx, req.Text); return nil })
	cfg := Config{Bind: "127.0.0.1:0", Mux: mux, Nodes: nodes, Logger: hclog.NewNullLogger()}
	change(&cfg)
	l, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return l, nodes
}

// open dials the port and says hello.
func open(t *testing.T, l *Listener, hello byte) net.Conn {
	t.Helper()
	conn, err := dial(t.Context(), l.Addr(), hello, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// call opens a session whose own side answers Name with the name.
func call(t *testing.T, l *Listener, name string) *session.Session {
	t.Helper()
	mux := session.NewMux()
	session.Handle(mux, "Name", func(_ context.Context, _, reply *text) error { reply.Text = name; return nil })
	s, err := session.Dial(open(t, l, wire.ByteSession), mux, session.Config{Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// closed waits until the other side has closed the connection.
func closed(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the connection is open and sent %d bytes", n)
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Errorf("the connection is still open after %s", patience)
	}
}

func TestFirstByte(t *testing.T) {
	lost := make(chan struct{}, 1)
	l, _ := listen(t, func(c *Config) { c.RaftLost = func(context.Context) { lost <- struct{}{} } })

	var reply text
	if err := call(t, l, "a").Call(t.Context(), "Echo", &text{"hello"}, &reply); err != nil || reply.Text != "hello" {
		t.Errorf("a session answers %q (%v)", reply.Text, err)
	}

	out := open(t, l, wire.ByteRaft)
	in, err := l.Raft().Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("log")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "log" {
		t.Errorf("the log was given %q (%v): the first byte is not its", got, err)
	}
	in.Close()
	select {
	case <-lost:
	case <-time.After(patience):
		t.Error("nobody was told that the log's connection ended")
	}
	closed(t, out)

	closed(t, open(t, l, 'G')) // as of "GET / HTTP/1.1"
}

func TestConnectionLimit(t *testing.T) {
	l, _ := listen(t, func(c *Config) { c.ConnsPerAddr = 2 })
	first, second := call(t, l, "a"), call(t, l, "b")
	for _, s := range []*session.Session{first, second} {
		if err := s.Call(t.Context(), "Echo", &text{}, &text{}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetReadDeadline(time.Now().Add(patience))
	closed(t, raw)

	first.Close() // makes room, as soon as the port has noticed
	for deadline := time.Now().Add(patience); ; {
		l.mu.Lock()
		n := l.counts["127.0.0.1"]
		l.mu.Unlock()
		if n < 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that has ended still counts")
		}
		time.Sleep(time.Millisecond)
	}
	if err := call(t, l, "c").Call(t.Context(), "Echo", &text{}, &text{}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// A node is called over the newest session it proved itself on; the end of an
// older one does not take it away.
func TestNodes(t *testing.T) {
	l, nodes := listen(t, func(*Config) {})
	name := func() string {
		c, ok := nodes.Lookup("n")
		if !ok {
			return ""
		}
		var reply text
		if err := c.Call(t.Context(), "Name", &text{}, &reply); err != nil {
			return err.Error()
		}
		return reply.Text
	}
	bind := func(s *session.Session) {
		t.Helper()
		if err := s.Call(t.Context(), "Bind", &text{"n"}, &text{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := name(); got != "" {
		t.Errorf("a node that never called is called %q", got)
	}
	old, fresh := call(t, l, "old"), call(t, l, "fresh")
	bind(old)
	if got := name(); got != "old" {
		t.Errorf("called %q, want old", got)
	}
	bind(fresh)
	old.Close()
	<-old.Done()
	if got := name(); got != "fresh" {
		t.Errorf("called %q, want fresh", got)
	}
	// A call that another server passed on says nothing about where the node is.
	if err := fresh.Call(WithForwarded(t.Context()), "Bind", &text{"elsewhere"}, &text{}); err != nil {
		t.Fatal(err)
	}
	if _, ok := nodes.Lookup("elsewhere"); ok {
		t.Error("a forwarded call bound the node")
	}
	fresh.Close()
	for deadline := time.Now().Add(patience); nodes.Count() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a node whose session ended is still bound")
		}
	}
}

func TestListenRefuses(t *testing.T) {
	if _, err := Listen(Config{Bind: "127.0.0.1:0"}); err == nil {
		t.Error("a port without handlers was opened")
	}
	good := Config{Mux: session.NewMux(), Nodes: NewNodes(), Logger: hclog.NewNullLogger()}
	for _, c := range []Config{{Bind: "nonsense"}, {Bind: "127.0.0.1:0", Advertise: "nonsense"}} {
		c.Mux, c.Nodes, c.Logger = good.Mux, good.Nodes, good.Logger
		if l, err := Listen(c); err == nil {
			l.Close()
			t.Errorf("opened on %q as %q", c.Bind, c.Advertise)
		}
	}
}
