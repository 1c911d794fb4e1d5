package servers

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is servers by address; an address that is down refuses.
type cluster struct {
	mu       sync.Mutex
	down     map[string]bool
	sessions map[string]*session.Session
	dialled  []string
	wg       sync.WaitGroup
}

func (c *cluster) dial(_ context.Context, addr string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled = append(c.dialled, addr)
	if c.down[addr] {
		return nil, errors.New("refused")
	}
	near, far := net.Pipe()
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		first := make([]byte, 1)
		if _, err := far.Read(first); err != nil {
			return
		}
		mux := session.NewMux()
		session.Handle(mux, "Who", func(_ context.Context, _ *struct{}, reply *string) error {
			*reply = addr
			return nil
		})
		session.Handle(mux, "Back", func(ctx context.Context, _ *struct{}, reply *string) error {
			return session.From(ctx).Call(ctx, "Node", &struct{}{}, reply)
		})
		session.Handle(mux, "Fail", func(context.Context, *struct{}, *string) error { return nl.Errorf(nl.CodeNotFound, "none") })
		s, err := session.Accept(far, mux, session.Config{})
		if err != nil {
			return
		}
		c.mu.Lock()
		c.sessions[addr] = s
		c.mu.Unlock()
		<-s.Done()
		s.Close()
	}()
	return near, nil
}

func start(t *testing.T, c *cluster, addrs ...string) *Servers {
	t.Helper()
	mux := session.NewMux()
	session.Handle(mux, "Node", func(_ context.Context, _ *struct{}, reply *string) error {
		*reply = "node"
		return nil
	})
	s, err := New(Config{Addrs: addrs, Dial: c.dial, Mux: mux})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		c.wg.Wait()
	})
	return s
}

func call(t *testing.T, s *Servers, method string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var reply string
	err := s.Call(ctx, method, &struct{}{}, &reply)
	return reply, err
}

func TestFailover(t *testing.T) {
	c := &cluster{down: map[string]bool{"b": true}, sessions: map[string]*session.Session{}}
	s := start(t, c, "a", "b")
	if who, err := call(t, s, "Who"); err != nil || who != "a" {
		t.Fatalf("answered by %q, %v", who, err)
	}
	if got, err := call(t, s, "Back"); err != nil || got != "node" {
		t.Errorf("the server could not call back: %q, %v", got, err)
	}
	if _, err := call(t, s, "Fail"); nl.CodeOf(err) != nl.CodeNotFound {
		t.Errorf("error is %v", err)
	}
	c.mu.Lock()
	c.down = map[string]bool{"a": true}
	lost := c.sessions["a"]
	c.mu.Unlock()
	lost.Close()
	who := ""
	for who != "b" {
		// A call that the dying session had taken fails; the next ones do not.
		var err error
		if who, err = call(t, s, "Who"); err != nil {
			var l *session.LostError
			if !errors.As(err, &l) {
				t.Fatal(err)
			}
		}
	}
	if addr, ok := s.Connected(); !ok || addr != "b" {
		t.Errorf("connected to %q, %v", addr, ok)
	}
}

func TestLearn(t *testing.T) {
	c := &cluster{down: map[string]bool{"a": true}, sessions: map[string]*session.Session{}}
	s := start(t, c, "a")
	s.Learn(nil)
	s.Learn([]query.Server{{RPCAddr: ""}})
	if got := s.Addrs(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("servers are %v", got)
	}
	s.SetAddrs([]string{"c"})
	if who, err := call(t, s, "Who"); err != nil || who != "c" {
		t.Errorf("answered by %q, %v", who, err)
	}
}

func TestLocal(t *testing.T) {
	mux, server := session.NewMux(), session.NewMux()
	session.Handle(mux, "Node", func(_ context.Context, _ *struct{}, reply *string) error {
		*reply = "node"
		return nil
	})
	session.Handle(server, "Back", func(ctx context.Context, _ *struct{}, reply *string) error {
		back, _, ok := session.Back(ctx)
		if !ok {
			return errors.New("no way back")
		}
		return back.Call(ctx, "Node", &struct{}{}, reply)
	})
	s, err := New(Config{Local: server, Mux: mux})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := call(t, s, "Back"); err != nil || got != "node" {
		t.Errorf("got %q, %v", got, err)
	}
}
