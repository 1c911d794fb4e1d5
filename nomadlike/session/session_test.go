package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type ping struct {
	Text string
	N    int
}

type pong struct{ Text string }

// connect gives two sessions with each other over loopback.
func connect(t testing.TB, dialled, accepted *Mux) (dialler, acceptor *Session) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type result struct {
		s   *Session
		err error
	}
	got := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			got <- result{err: err}
			return
		}
		s, err := Accept(conn, accepted, Config{})
		got <- result{s, err}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dialler, err = Dial(conn, dialled, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialler.Close() })
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.s.Close() })
	return dialler, r.s
}

// echo answers "Echo", fails "Fail", waits for the end of the call in "Hang",
// and streams in "Count" and "Upper".
func echo() *Mux {
	m := NewMux()
	Handle(m, "Echo", func(ctx context.Context, req *ping, reply *pong) error {
		reply.Text = strings.Repeat(req.Text, max(req.N, 1))
		return nil
	})
	Handle(m, "Fail", func(ctx context.Context, req *ping, reply *pong) error {
		if req.N == 0 {
			return errors.New(req.Text)
		}
		return fmt.Errorf("wrapped: %w", nl.Errorf(nl.Code(req.N), "%s", req.Text))
	})
	Handle(m, "Panic", func(ctx context.Context, req *ping, reply *pong) error { panic(req.Text) })
	HandleStream(m, "Count", func(ctx context.Context, req *ping, s Stream) error {
		for i := range req.N {
			if err := s.Send(&ping{N: i}); err != nil {
				return err
			}
		}
		if req.Text != "" {
			return errors.New(req.Text)
		}
		return nil
	})
	HandleStream(m, "Upper", func(ctx context.Context, req *ping, s Stream) error {
		for {
			var p ping
			switch err := s.Recv(&p); {
			case errors.Is(err, io.EOF):
				return s.Send(&pong{Text: "bye"})
			case err != nil:
				return err
			}
			if err := s.Send(&pong{Text: strings.ToUpper(p.Text)}); err != nil {
				return err
			}
		}
	})
	return m
}

// callers gives the same handlers in process, over a session in each
// direction, and behind a forwarding mux.
func callers(t *testing.T) map[string]Caller {
	a, b := connect(t, echo(), echo())
	front := NewMux()
	front.Fallback(func(string) (Caller, bool) { return a, true })
	c, _ := connect(t, nil, front)
	return map[string]Caller{"in process": echo(), "dialler": a, "acceptor": b, "forwarded": c}
}

func TestCalls(t *testing.T) {
	tests := []struct {
		method string
		req    ping
		want   string
		err    string
		code   nl.Code
	}{
		{method: "Echo", req: ping{Text: "a"}, want: "a"},
		{method: "Echo", req: ping{Text: "0123456789", N: 100_000}, want: strings.Repeat("0123456789", 100_000)},
		{method: "Fail", req: ping{Text: "plain"}, err: "plain", code: 500},
		{method: "Fail", req: ping{Text: "gone", N: 404}, err: "wrapped: gone", code: 404},
		{method: "Nothing", err: "unknown method Nothing; the agents may be of different versions", code: 404},
	}
	for name, c := range callers(t) {
		for _, tt := range tests {
			var reply pong
			err := c.Call(t.Context(), tt.method, &tt.req, &reply)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err || nl.CodeOf(err) != tt.code {
					t.Errorf("%s %s: error %v with code %d, want %q with %d", name, tt.method, err, nl.CodeOf(err), tt.err, tt.code)
				}
				continue
			}
			if err != nil || reply.Text != tt.want {
				t.Errorf("%s %s: %.20q, %v", name, tt.method, reply.Text, err)
			}
		}
		if err := c.Call(t.Context(), "Echo", &ping{Text: "x"}, nil); err != nil {
			t.Errorf("%s: without reply: %v", name, err)
		}
	}
}

func TestStreams(t *testing.T) {
	for name, c := range callers(t) {
		t.Run(name, func(t *testing.T) {
			s, err := c.Stream(t.Context(), "Upper", &ping{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var got []string
			for _, text := range []string{"a", "b"} {
				if err := s.Send(&ping{Text: text}); err != nil {
					t.Fatal(err)
				}
				var p pong
				if err := s.Recv(&p); err != nil {
					t.Fatal(err)
				}
				got = append(got, p.Text)
			}
			s.CloseSend()
			var last pong
			if err := s.Recv(&last); err != nil {
				t.Fatal(err)
			}
			if err := s.Recv(&pong{}); !errors.Is(err, io.EOF) {
				t.Fatalf("end of stream: %v, want EOF", err)
			}
			if all := strings.Join(append(got, last.Text), " "); all != "A B bye" {
				t.Fatal(all)
			}
			n, err := drain(t, c, ping{N: 1000})
			if n != 1000 || !errors.Is(err, io.EOF) {
				t.Fatalf("%d messages, %v", n, err)
			}
			n, err = drain(t, c, ping{N: 3, Text: "broken"})
			if n != 3 || err == nil || err.Error() != "broken" {
				t.Fatalf("%d messages, %v", n, err)
			}
		})
	}
}

func drain(t *testing.T, c Caller, req ping) (n int, err error) {
	s, err := c.Stream(t.Context(), "Count", &req)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for ; ; n++ {
		var p ping
		if err := s.Recv(&p); err != nil {
			return n, err
		}
		if p.N != n {
			t.Fatalf("message %d out of order: %d", n, p.N)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	a, _ := connect(t, nil, echo())
	err := a.Call(t.Context(), "Panic", &ping{Text: "boom"}, nil)
	if err == nil || err.Error() != "Panic failed unexpectedly: boom" {
		t.Fatal(err)
	}
	if err := a.Call(t.Context(), "Echo", &ping{}, nil); err != nil {
		t.Fatalf("the session after a panic: %v", err)
	}
}

// hanging serves "Hang" and "HangStream", which tell when they begin and when
// their call ended.
func hanging() (m *Mux, began, ended chan string) {
	m, began, ended = NewMux(), make(chan string), make(chan string)
	Handle(m, "Hang", func(ctx context.Context, req *ping, reply *pong) error {
		began <- req.Text
		<-ctx.Done()
		ended <- req.Text
		return ctx.Err()
	})
	HandleStream(m, "HangStream", func(ctx context.Context, req *ping, s Stream) error {
		began <- req.Text
		<-ctx.Done()
		ended <- req.Text
		return ctx.Err()
	})
	return m, began, ended
}

func TestCancelReachesHandler(t *testing.T) {
	m, began, ended := hanging()
	a, _ := connect(t, nil, m)
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- a.Call(ctx, "Hang", &ping{Text: "unary"}, nil) }()
		<-began
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		<-ended

		ctx, cancel = context.WithCancel(t.Context())
		s, err := a.Stream(ctx, "HangStream", &ping{Text: "stream"})
		if err != nil {
			t.Fatal(err)
		}
		<-began
		cancel()
		<-ended
		if err := s.Recv(nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		s.Close()

		s, err = a.Stream(t.Context(), "HangStream", &ping{Text: "closed"})
		if err != nil {
			t.Fatal(err)
		}
		<-began
		s.Close()
		<-ended
	}
}

func TestDeadlineCrosses(t *testing.T) {
	m := NewMux()
	Handle(m, "Left", func(ctx context.Context, req *ping, reply *ping) error {
		if d, ok := ctx.Deadline(); ok {
			reply.N = int(time.Until(d) / time.Minute)
		}
		return nil
	})
	a, _ := connect(t, nil, m)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	var left ping
	if err := a.Call(ctx, "Left", &ping{}, &left); err != nil || left.N != 59 {
		t.Fatalf("%d minutes left, %v", left.N, err)
	}
}

func TestLostSession(t *testing.T) {
	m, began, ended := hanging()
	a, b := connect(t, nil, m)
	failed := make(chan error, 1)
	go func() { failed <- a.Call(t.Context(), "Hang", &ping{}, nil) }()
	<-began
	go func() { <-ended }()
	b.Close()
	err := <-failed
	var lost *LostError
	if !errors.As(err, &lost) || !lost.Sent {
		t.Fatalf("under a call: %v", err)
	}
	<-a.Done()
	if err := a.Call(t.Context(), "Hang", &ping{}, nil); !errors.As(err, &lost) || lost.Sent {
		t.Fatalf("after the end: %v", err)
	}
}

func TestCallBack(t *testing.T) {
	m := NewMux()
	Handle(m, "Register", func(ctx context.Context, req *ping, reply *pong) error {
		back, _, ok := Back(ctx)
		if !ok {
			return errors.New("no way back")
		}
		if s := From(ctx); s != nil {
			s.SetPeer(PeerInfo{NodeID: req.Text})
			if Peer(ctx).NodeID != req.Text || Peer(ctx).Addr == nil {
				return errors.New("peer not remembered")
			}
		}
		var p pong
		err := back.Call(ctx, "Echo", &ping{Text: Meta(ctx, "k")}, &p)
		reply.Text = p.Text
		return err
	})
	a, _ := connect(t, echo(), m)
	var reply pong
	if err := a.Call(WithMeta(t.Context(), "k", "v"), "Register", &ping{Text: "node"}, &reply); err != nil || reply.Text != "v" {
		t.Fatal(reply, err)
	}
	if err := m.Call(WithBack(t.Context(), echo(), nil), "Register", &ping{}, &reply); err != nil {
		t.Fatal(err)
	}
}

// TestInProcess checks what passes without a codec and what does not.
func TestInProcess(t *testing.T) {
	m := NewMux()
	var seen *ping
	Handle(m, "Take", func(ctx context.Context, req *ping, reply *pong) error { seen = req; return nil })
	req := &ping{Text: "same"}
	if err := m.Call(t.Context(), "Take", req, &pong{}); err != nil || seen != req {
		t.Fatalf("equal types were copied: %v", err)
	}
	type other struct{ Text string }
	if err := m.Call(t.Context(), "Take", &other{Text: "other"}, &other{}); err != nil || seen.Text != "other" {
		t.Fatalf("types of equal form: %v", err)
	}
	if err := m.Call(t.Context(), "Take", Raw("\xff"), nil); nl.CodeOf(err) != nl.CodeInvalid {
		t.Fatalf("unreadable request: %v", err)
	}
}

func TestManyCalls(t *testing.T) {
	a, b := connect(t, echo(), echo())
	var wg sync.WaitGroup
	var failed atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			c := a
			if i%2 == 0 {
				c = b
			}
			for n := range 5 {
				text := fmt.Sprintf("%d.%d", i, n)
				var p pong
				if err := c.Call(t.Context(), "Echo", &ping{Text: text}, &p); err != nil || p.Text != text {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := failed.Load(); n != 0 {
		t.Fatalf("%d of 500 calls failed", n)
	}
}

func TestBadBytes(t *testing.T) {
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05\x01\xff\xff\xff\xff"} {
		here, there := net.Pipe()
		s, err := Accept(there, echo(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, here)
		here.Write([]byte(text))
		here.Close()
		<-s.Done()
		s.Close()
	}
}
