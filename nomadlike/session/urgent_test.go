package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// readFrame reads a frame of the peer's.
func readFrame(t *testing.T, conn net.Conn) (head, []byte) {
	t.Helper()
	var b [frameHeadBytes]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		t.Fatal(err)
	}
	h, err := readHead(b[:])
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, h.length)
	if _, err := io.ReadFull(conn, payload); err != nil {
		t.Fatal(err)
	}
	return h, payload
}

// An urgent call passes all that waits to be sent, except for the write that is
// under way; what is large is not urgent, whatever it is called.
func TestUrgentCallsGoFirst(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ctx    func(context.Context) context.Context
		size   int
		passes bool
	}{
		{"urgent", WithUrgent, 100, true},
		{"largest", WithUrgent, urgentBytesMax / 2, true},
		{"large", WithUrgent, urgentBytesMax + 1, false},
		{"not urgent", func(ctx context.Context) context.Context { return ctx }, 100, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const others, size = 200, 10_000
				s, peer := face(t, nil)
				ctx, cancel := context.WithCancel(t.Context())
				for range others {
					go s.Call(ctx, "Bulk", Raw(make([]byte, size)), nil)
				}
				synctest.Wait() // one write is under way, others are gathered, and others wait
				go s.Call(tt.ctx(ctx), "Beat", Raw(make([]byte, tt.size)), nil)
				synctest.Wait()
				at, sent := -1, 0
				for i := range others + 1 {
					if _, b := readFrame(t, peer); strings.Contains(string(b), "Beat") {
						at = i
					} else if at < 0 {
						sent += len(b)
					}
				}
				if passed := sent <= outBytesMax+size+100; at < 0 || passed != tt.passes {
					t.Errorf("it was frame %d, behind %d bytes", at, sent)
				}
				go io.Copy(io.Discard, peer)
				cancel()
				s.Close()
				peer.Close()
			})
		})
	}
}

// The reply to an urgent call passes what streams are sent.
func TestUrgentRepliesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMux()
		Handle(m, "Beat", func(ctx context.Context, _ *ping, reply *pong) error {
			reply.Text = fmt.Sprint(Urgent(ctx))
			return nil
		})
		HandleStream(m, "Flood", func(_ context.Context, _ *ping, s Stream) error {
			for range 1000 {
				if err := s.Send(Raw(make([]byte, 1000))); err != nil {
					return err
				}
			}
			return nil
		})
		s, peer := face(t, m)
		const streams = 20
		for i := range uint32(streams) {
			peer.Write(appendFrame(nil, 2*i+1, frameCall, opened("Flood", true)))
		}
		synctest.Wait()
		const beat = 2*streams + 1
		peer.Write(appendFrame(nil, beat, frameCall, (&header{method: "Beat", urgent: true}).append(nil)))
		peer.Write(appendFrame(nil, 0, framePing, nil))
		synctest.Wait()
		var got []string
		for sent := 0; len(got) < 2; {
			h, b := readFrame(t, peer)
			if sent += len(b); sent > 2*outBytesMax {
				t.Fatalf("only %q came before %d bytes", got, sent)
			}
			switch {
			case h.call == beat:
				var reply pong
				if err := decode(b, &reply); err != nil {
					t.Error(err)
				}
				got = append(got, reply.Text)
			case h.kind == framePong:
				got = append(got, "pong")
			}
		}
		if slices.Sort(got); strings.Join(got, " ") != "pong true" {
			t.Error(got)
		}
		peer.Close()
		<-s.Done()
		s.Close()
	})
}

// Urgent calls without end hold up nobody else.
func TestUrgentCallsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, echo())
		ctx, cancel := context.WithCancel(t.Context())
		for range 32 {
			go func() {
				for ctx.Err() == nil {
					a.Call(WithUrgent(ctx), "Echo", &ping{Text: "x", N: 1000}, nil)
				}
			}()
		}
		for n := range 100 {
			if err := a.Call(t.Context(), "Echo", &ping{Text: "x", N: n * 1000}, nil); err != nil {
				t.Error(err)
			}
		}
		cancel()
		synctest.Wait()
	})
}

// Urgent calls have slots of their own, so that the peer takes one however many
// calls there are.
func TestUrgentCallsHaveSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := echo()
		Handle(m, "Hang", func(ctx context.Context, _ *ping, _ *pong) error { <-ctx.Done(); return nil })
		a, b := pair(t, m)
		ctx, cancel := context.WithCancel(t.Context())
		for range callsMax {
			go a.Call(ctx, "Hang", &ping{}, nil)
		}
		synctest.Wait()
		if n := len(b.links); n != callsMax-urgentCallsMax {
			t.Errorf("%d calls are under way", n)
		}
		if err := a.Call(WithUrgent(t.Context()), "Echo", &ping{}, nil); err != nil {
			t.Error(err)
		}
		cancel()
		synctest.Wait()
		if n := len(a.slots) + len(a.urgentSlots) + len(b.links); n != 0 {
			t.Errorf("%d slots and calls are left", n)
		}
	})
}

// An urgent call is served before what came earlier has had its turn.
func TestUrgentCallsAreServedFirst(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const each = 200
	var begun atomic.Int64
	before := make(chan int64, 1)
	m := NewMux()
	Handle(m, "Bulk", func(context.Context, *ping, *pong) error { begun.Add(1); return nil })
	Handle(m, "Beat", func(context.Context, *ping, *pong) error { before <- begun.Load(); return nil })
	s, peer := face(t, m)
	go io.Copy(io.Discard, peer)
	var all []byte
	for i := range uint32(2*each + 1) {
		if i == each {
			all = appendFrame(all, 2*i+1, frameCall, (&header{method: "Beat", urgent: true}).append(nil))
			continue
		}
		all = appendFrame(all, 2*i+1, frameCall, opened("Bulk", false))
	}
	peer.Write(all)
	if n := <-before; n >= each {
		t.Errorf("it was served after %d others, and %d were sent before it", n, each)
	}
	peer.Close()
	<-s.Done()
	s.Close()
}

// A call that is passed on stays urgent, and one of an earlier version is not.
func TestUrgencyIsPassedOn(t *testing.T) {
	m := NewMux()
	Handle(m, "Urgent", func(ctx context.Context, _ *ping, reply *pong) error {
		reply.Text = fmt.Sprint(Urgent(ctx))
		return nil
	})
	a, _ := connect(t, nil, m)
	front := NewMux()
	front.Fallback(func(string) (Caller, bool) { return a, true })
	b, _ := connect(t, nil, front)
	for want, ctx := range map[string]context.Context{"true": WithUrgent(t.Context()), "false": t.Context()} {
		var reply pong
		if err := b.Call(ctx, "Urgent", &ping{}, &reply); err != nil || reply.Text != want {
			t.Errorf("urgent is %s instead of %s, %v", reply.Text, want, err)
		}
	}
	early := (&header{method: "Urgent", urgent: true}).append(nil)
	early = early[:len(early)-1]
	binary.BigEndian.PutUint32(early, uint32(len(early)-4))
	if h, body, err := readHeader(early); err != nil || h.urgent || h.method != "Urgent" || len(body) > 0 {
		t.Errorf("%+v, %q, %v", h, body, err)
	}
}
