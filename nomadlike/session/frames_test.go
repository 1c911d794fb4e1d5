package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// These tests look at one side of a session, or at what it does in time.

// face gives a session and the peer's end of its connection.
func face(t *testing.T, mux *Mux) (s *Session, peer net.Conn) {
	t.Helper()
	return facing(t, mux, Config{})
}

func facing(t *testing.T, mux *Mux, cfg Config) (s *Session, peer net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	s, err := Accept(there, mux, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, here
}

// opened is a message that opens a call.
func opened(method string, stream bool) []byte {
	return (&header{method: method, stream: stream}).append(nil)
}

// badFrames are what a peer may send and then go, and how that ends a session.
type badFrames struct {
	name string
	sent string
	want error
}

func allBadFrames() []badFrames {
	call := func(id uint32, k frameKind, payload []byte) []byte { return appendFrame(nil, id, k, payload) }
	stream := call(1, frameCall, opened("Flow", true))
	full := strings.Repeat(string(call(1, frameData, make([]byte, frameBytesMax))), streamWindow/frameBytesMax+1)
	return []badFrames{
		{"http", "GET / HTTP/1.1\r\n\r\n", errBadFrame},
		{"no kind", string(call(1, 0, nil)), errBadFrame},
		{"late kind", string(call(1, frameKinds, nil)), errBadFrame},
		{"too long", string(binary.BigEndian.AppendUint32(nil, uint32(frameData)<<24|frameBytesMax+1)) + "\x00\x00\x00\x01", errBadFrame},
		{"not whole", string(stream[:len(stream)-1]), io.ErrUnexpectedEOF},
		{"ended", "", io.EOF},
		{"own number", string(call(2, frameCall, opened("Echo", false))), errBadCalls},
		{"number twice", string(stream) + string(stream), errBadCalls},
		{"no header", string(call(1, frameCall, []byte{0, 0})), errBadFrame},
		{"short header", string(call(1, frameCall, []byte{0, 0, 0, 2, 1, 200})), errBadFrame},
		{"long header", string(call(1, frameCall, []byte{0, 0, 0, 9, 1})), errBadFrame},
		{"parts of two", string(call(1, frameCall|frameMore, nil)) + string(call(1, frameData, nil)), errBadCalls},
		{"data of a unary call", string(call(1, frameCall, opened("Hang", false))) + string(call(1, frameData, nil)), errBadCalls},
		{"stop with more", string(call(1, frameCall, opened("Hang", false))) + string(call(1, frameStop, []byte{1})), errBadFrame},
		{"stop before the end", string(call(1, frameCall|frameMore, nil)) + string(call(1, frameStop, nil)), errBadCalls},
		{"credit", string(stream) + string(call(1, frameCredit, nil)), errBadFrame},
		{"overrun", string(stream) + full, errOverrun},
		{"what has ended", string(call(7, frameData, []byte("late"))) + string(call(7, frameStop, nil)) + string(call(7, frameCredit, make([]byte, creditBytes))), io.EOF},
	}
}

func TestBadFrames(t *testing.T) {
	for _, tt := range allBadFrames() {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMux()
				HandleStream(m, "Flow", func(ctx context.Context, _ *ping, _ Stream) error { <-ctx.Done(); return nil })
				Handle(m, "Hang", func(ctx context.Context, _ *ping, _ *pong) error { <-ctx.Done(); return nil })
				s, peer := face(t, m)
				go io.Copy(io.Discard, peer)
				peer.Write([]byte(tt.sent))
				peer.Close()
				<-s.Done()
				if got := s.reason(); !errors.Is(got, tt.want) {
					t.Errorf("session ended by %v, want %v", got, tt.want)
				}
				s.Close()
			})
		})
	}
}

func TestHeader(t *testing.T) {
	for _, h := range []header{
		{method: "Node.Allocs", stream: true},
		{method: "Job.Get", timeout: time.Hour, meta: map[string]string{"a": "b", "": "c"}},
		{},
	} {
		b := h.append(nil)
		b = append(b, "body"...)
		got, body, err := readHeader(b)
		if fmt.Sprint(got) != fmt.Sprint(h) || string(body) != "body" || err != nil {
			t.Errorf("%v became %v with %q, %v", h, got, body, err)
		}
		// A later version says more.
		end := len(b) - len("body")
		later := append(append(append([]byte(nil), b[:end]...), "more"...), "body"...)
		binary.BigEndian.PutUint32(later, uint32(end-4+len("more")))
		if got, body, err := readHeader(later); fmt.Sprint(got) != fmt.Sprint(h) || string(body) != "body" || err != nil {
			t.Errorf("of a later version: %v with %q, %v", got, body, err)
		}
		for n := range end {
			if _, _, err := readHeader(b[:n]); err == nil {
				t.Errorf("%d bytes of %d are a header", n, end)
			}
		}
	}
}

// pair gives two sessions in the bubble of a test.
func pair(t *testing.T, mux *Mux) (caller, handler *Session) {
	t.Helper()
	handler, conn := face(t, mux)
	caller, err := Dial(conn, nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		caller.Close()
		handler.Close()
	})
	return caller, handler
}

// A stream that is not read fills its window; others go on.
func TestStreamWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, count = 10_000, 500
		sent, failed := 0, error(nil)
		m := NewMux()
		HandleStream(m, "Flood", func(ctx context.Context, req *ping, s Stream) error {
			for sent = 0; sent < count; sent++ {
				if failed = s.Send(Raw(strings.Repeat("x", size))); failed != nil {
					return failed
				}
			}
			return nil
		})
		HandleStream(m, "Swallow", func(ctx context.Context, req *ping, s Stream) error { <-ctx.Done(); return nil })
		m.Fallback(func(string) (Caller, bool) { return echo(), true })
		a, _ := pair(t, m)
		s, err := a.Stream(t.Context(), "Flood", &ping{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		full := streamWindow/(size+messageCost) + 1
		if sent != full {
			t.Errorf("%d messages were sent unread, want %d", sent, full)
		}
		for n := range 100 {
			if err := a.Call(t.Context(), "Echo", &ping{Text: "x", N: n * 1000}, nil); err != nil {
				t.Fatal(err)
			}
		}
		read := 0
		for {
			if err := s.Recv(nil); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				break
			}
			read++
		}
		if read != count {
			t.Errorf("%d messages were read, want %d", read, count)
		}
		// Who waits for room is told of the end.
		s, _ = a.Stream(t.Context(), "Flood", &ping{})
		synctest.Wait()
		s.Close()
		synctest.Wait()
		if !errors.Is(failed, context.Canceled) && !errors.Is(failed, io.ErrClosedPipe) {
			t.Errorf("sending to nobody: %v", failed)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s, _ = a.Stream(ctx, "Swallow", &ping{})
		ended := make(chan error)
		go func() {
			for {
				if err := s.Send(Raw(strings.Repeat("x", size))); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("sending in a call that was cancelled: %v", err)
		}
		synctest.Wait()
		if n := len(a.links); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

// A message larger than a window passes, and so do others beside it.
func TestLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, echo())
		s, err := a.Stream(t.Context(), "Upper", &ping{})
		if err != nil {
			t.Fatal(err)
		}
		large := strings.Repeat("x", 3*streamWindow)
		for range 3 {
			if err := s.Send(&ping{Text: large}); err != nil {
				t.Fatal(err)
			}
			if err := a.Call(t.Context(), "Echo", &ping{Text: "small"}, nil); err != nil {
				t.Fatal(err)
			}
			var p pong
			if err := s.Recv(&p); err != nil || p.Text != strings.ToUpper(large) {
				t.Fatalf("%d bytes, %v", len(p.Text), err)
			}
		}
		s.Close()
		synctest.Wait()
		if len(a.links)+len(b.links) != 0 {
			t.Errorf("%d and %d calls are left", len(a.links), len(b.links))
		}
	})
}

// form is a message that writes itself, as a text.
type form struct{ text string }

func (f form) AppendCBOR(b []byte) ([]byte, error) {
	if f.text == "" {
		return append(b, "half"...), errors.New("no form")
	}
	return append(b, f.text...), nil
}

func TestMessagesThatWriteThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMux()
		sizes := []int{1, 0, 10, frameBytesMax - 1, frameBytesMax, frameBytesMax + 1, 0, 3 * streamWindow, 0, 5}
		HandleStream(m, "Forms", func(ctx context.Context, req *ping, s Stream) error {
			for round := range 3 {
				for _, n := range sizes {
					err := s.Send(form{strings.Repeat(string(rune('a'+round)), n)})
					if (err != nil) != (n == 0) {
						return fmt.Errorf("%d bytes: %w", n, err)
					}
				}
			}
			return nil
		})
		a, _ := pair(t, m)
		s, err := a.Stream(t.Context(), "Forms", &ping{})
		if err != nil {
			t.Fatal(err)
		}
		for round := range 3 {
			for _, n := range sizes {
				if n == 0 {
					continue
				}
				var got Raw
				if err := s.Recv(&got); err != nil || string(got) != strings.Repeat(string(rune('a'+round)), n) {
					t.Fatalf("%d bytes instead of %d, %v", len(got), n, err)
				}
			}
		}
		if err := s.Recv(nil); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestTooManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMux()
		Handle(m, "Hang", func(ctx context.Context, req *ping, reply *pong) error { <-ctx.Done(); return nil })
		s, peer := face(t, m)
		go func() {
			for i := range uint32(callsMax) {
				peer.Write(appendFrame(nil, 2*i+1, frameCall, opened("Hang", false)))
			}
			const next = 2*callsMax + 1
			peer.Write(appendFrame(nil, next, frameCall|frameMore, opened("Hang", false)))
			peer.Write(appendFrame(nil, next, frameCall, nil))
		}()
		answer := make([]byte, frameHeadBytes)
		io.ReadFull(peer, answer)
		h, _ := readHead(answer)
		payload := make([]byte, h.length)
		io.ReadFull(peer, payload)
		if err := remoteError(payload); h.kind != frameError || nl.CodeOf(err) != nl.CodeTooMany {
			t.Errorf("frame of kind %d: %v", h.kind, err)
		}
		peer.Close()
		<-s.Done()
		s.Close()
	})
}

// A peer that says nothing is asked, and given up when it does not answer.
func TestSilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, peer := face(t, nil)
		go io.Copy(io.Discard, peer)
		<-s.Done()
		if after := time.Since(began); !errors.Is(s.reason(), errSilent) || after > keepAliveDefault+answerTimeout {
			t.Errorf("%v after %v", s.reason(), after)
		}
		s.Close()
		a, b := pair(t, echo())
		time.Sleep(time.Hour)
		if err := a.Call(t.Context(), "Echo", &ping{}, nil); err != nil {
			t.Errorf("after an hour: %v, %v", err, b.reason())
		}
	})
}

// A peer that does not read is given up, and so is what waits for it.
func TestStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := face(t, nil)
		began := time.Now()
		ended := make(chan error)
		for range 4 {
			go func() { ended <- s.Call(t.Context(), "Echo", Raw(make([]byte, outBytesMax)), nil) }()
		}
		for range 4 {
			var lost *LostError
			if err := <-ended; !errors.As(err, &lost) || time.Since(began) != writeTimeout {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
		s.Close()
		// Nor does it hold up the end.
		s, peer2 := face(t, nil)
		began = time.Now()
		go func() { ended <- s.Call(t.Context(), "Echo", Raw(make([]byte, outBytesMax)), nil) }()
		synctest.Wait()
		s.Close()
		if <-ended; time.Since(began) != lingerTimeout {
			t.Errorf("closed after %v", time.Since(began))
		}
		peer.Close()
		peer2.Close()
	})
}

// A peer that asks without end and does not read is given up.
func TestPeerThatOnlyAsks(t *testing.T) {
	s, peer := face(t, nil)
	go func() {
		for {
			if _, err := peer.Write(appendFrame(nil, 0, framePing, nil)); err != nil {
				return
			}
		}
	}()
	<-s.Done()
	if !errors.Is(s.reason(), errNotReading) {
		t.Error(s.reason())
	}
	s.Close()
	peer.Close()
}

// What was sent before a session is closed arrives.
func TestCloseAfterSending(t *testing.T) {
	for range 100 {
		got := make(chan int, 1)
		m := NewMux()
		HandleStream(m, "Take", func(ctx context.Context, req *ping, s Stream) error {
			n := 0
			for s.Recv(nil) == nil {
				n++
			}
			got <- n
			return nil
		})
		a, _ := connect(t, nil, m)
		s, err := a.Stream(t.Context(), "Take", &ping{})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := s.Send(&ping{Text: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		if n := <-got; n != 10 {
			t.Fatalf("%d messages came", n)
		}
	}
}
