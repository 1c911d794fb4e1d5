package session

import (
	"context"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// takenMax is what a session may allocate for nothing: its buffers, and one
	// frame whose head claims more than comes.
	takenMax = 1 << 20
	// takenPerByte is what it may allocate for each byte that it reads. The
	// shortest call has 15 bytes, and costs a goroutine and an answer.
	takenPerByte = 1 << 10
	// conversationMax bounds what is sent: what goes wrong only with more is
	// looked for in TestBadFrames.
	conversationMax = 32 << 10
)

// conversations are what a well-behaved peer may send to the session of
// FuzzFrames, which has made a stream and a call: 4 and 6.
func conversations() []string {
	frame := func(id uint32, k frameKind, payload string) string {
		return string(appendFrame(nil, id, k, []byte(payload)))
	}
	form := func(v any) string {
		b, _ := wire.Encode(v)
		return string(b)
	}
	open := func(id uint32, method string, stream bool, req any) string {
		return frame(id, frameCall, string(opened(method, stream))+form(req))
	}
	hello, late := form(&ping{Text: "hello"}), encodeError(nl.Errorf(nl.CodeTooMany, "later"))
	begun := (&header{method: "Hang", timeout: time.Millisecond, meta: map[string]string{"k": "v"}}).append(nil)
	return []string{
		open(1, "Echo", false, &ping{Text: "hello"}) + frame(6, frameData, form(&pong{Text: "hi"})),
		open(1, "Flow", true, &ping{N: 1}) + frame(1, frameData, hello) + frame(1, frameCredit, "\x00\x00\x01\x00") + frame(1, frameEnd, ""),
		open(1, "Flow", true, &ping{}) + frame(1, frameStop, "") + open(3, "Hang", false, &ping{}) + frame(3, frameStop, ""),
		frame(4, frameData, hello) + frame(4, frameCredit, "\xff\xff\xff\xff") + frame(4, frameData|frameMore, hello[:3]) + frame(4, frameData, hello[3:]) + frame(4, frameEnd, ""),
		frame(4, frameError, string(late)) + frame(6, frameError, string(late)) + frame(6, frameData, ""),
		frame(0, framePing, "") + frame(0, framePong, "") + open(1, "Nothing", false, nil) + open(3, "Nothing", true, nil),
		frame(1, frameCall|frameMore, string(begun[:9])) + frame(0, framePing, "") + frame(1, frameCall, string(begun[9:])+hello),
	}
}

// fuzzMux answers "Echo", waits for the end of the call in "Hang", and sends
// back what comes in "Flow". What it answers is no larger than what it is asked.
func fuzzMux() *Mux {
	m := NewMux()
	Handle(m, "Echo", func(_ context.Context, req *ping, reply *pong) error {
		reply.Text = req.Text
		return nil
	})
	Handle(m, "Hang", func(ctx context.Context, _ *ping, _ *pong) error {
		<-ctx.Done()
		return ctx.Err()
	})
	HandleStream(m, "Flow", func(_ context.Context, _ *ping, s Stream) error {
		for {
			var p ping
			if err := s.Recv(&p); err != nil {
				return err
			}
			if err := s.Send(&p); err != nil {
				return err
			}
		}
	})
	return m
}

// FuzzFrames sends whatever it is to a session that serves calls and has made
// some, and goes. That ends the session with an error and all its calls with
// it, at once and for little memory; no handler fails in an unexpected way.
func FuzzFrames(f *testing.F) {
	for _, c := range conversations() {
		f.Add([]byte(c))
	}
	for _, b := range allBadFrames() {
		if len(b.sent) <= conversationMax {
			f.Add([]byte(b.sent))
		}
	}
	mux := fuzzMux()
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > conversationMax {
			t.Skip()
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		synctest.Test(t, func(t *testing.T) { converse(t, mux, sent) })
		runtime.ReadMemStats(&after)
		if taken, most := after.TotalAlloc-before.TotalAlloc, uint64(takenMax+takenPerByte*len(sent)); taken > most {
			t.Errorf("%d bytes made the session allocate %d, and at most %d are allowed", len(sent), taken, most)
		}
	})
}

// converse sends to a session in the bubble of a test.
func converse(t *testing.T, mux *Mux, sent []byte) {
	var log strings.Builder
	s, peer := facing(t, mux, Config{Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: &log})})
	var calls sync.WaitGroup
	news, err := s.Stream(t.Context(), "News", &ping{})
	if err != nil {
		t.Fatal(err)
	}
	calls.Go(func() {
		for err := error(nil); err == nil; err = news.Recv(&ping{}) {
			news.Send(&ping{})
		}
		news.Close()
	})
	calls.Go(func() { s.Call(t.Context(), "Echo", &ping{}, &pong{}) })
	calls.Go(func() { io.Copy(io.Discard, peer) })
	synctest.Wait()
	began := time.Now()
	peer.Write(sent)
	peer.Close()
	<-s.Done()
	calls.Wait()
	s.Close()
	if took := time.Since(began); took > 0 {
		t.Errorf("ending the session took %v", took)
	}
	if s.reason() == nil {
		t.Error("the session has ended without a reason")
	}
	if log.Len() > 0 {
		t.Error(log.String())
	}
}
