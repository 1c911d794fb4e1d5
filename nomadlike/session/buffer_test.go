package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestArrivalSizes(t *testing.T) {
	var p sizedPool
	for _, tt := range []struct{ n, room int }{
		{0, 128}, {1, 128}, {128, 128}, {129, 160}, {160, 160}, {161, 192}, {224, 224}, {225, 256}, {256, 256}, {257, 320},
		{1000, 1024}, {1024, 1024}, {1025, 1280}, {frameBytesMax/2 + 1, frameBytesMax * 5 / 8}, {frameBytesMax - 1, frameBytesMax}, {frameBytesMax, frameBytesMax},
	} {
		b := p.get(tt.n)
		if len(b.b) != tt.n || cap(b.b) != tt.room {
			t.Errorf("for %d bytes: %d, with room for %d", tt.n, len(b.b), cap(b.b))
		}
		p.put(b)
		if b = p.get(tt.n); len(b.b) != tt.n || cap(b.b) != tt.room {
			t.Errorf("for %d bytes again: %d, with room for %d", tt.n, len(b.b), cap(b.b))
		}
	}
}

// Sizes and places grow together, and a place has one size.
func TestArrivalPlaces(t *testing.T) {
	size, at := arrivalSize(0)
	for n := range frameBytesMax + 1 {
		nextSize, nextAt := arrivalSize(n)
		if nextSize < n || nextSize > max(n+n/arrivalSteps, 1<<arrivalBitsMin) || (nextSize != size) != (nextAt != at) || nextAt-at > 1 || nextSize < size {
			t.Fatalf("%d bytes: size %d at %d, after %d at %d", n, nextSize, nextAt, size, at)
		}
		size, at = nextSize, nextAt
	}
	if at != len(sizedPool{})-1 {
		t.Errorf("the largest is at %d of %d", at, len(sizedPool{}))
	}
}

// A message is not to be read once it was decoded or released.
func TestMessageIsReadOnce(t *testing.T) {
	lent := func() *message {
		m := &message{kind: frameData}
		m.borrow(4)
		copy(m.payload, "news")
		return m
	}
	var kept Raw
	for name, use := range map[string]func(*message){
		"decode":  func(m *message) { m.decode(nil) },
		"release": (*message).release,
		"raw":     func(m *message) { m.decode(&kept) },
	} {
		m := lent()
		if use(m); m.payload != nil || m.lent != nil {
			t.Errorf("%s leaves %q", name, m.payload)
		}
	}
	for range 10 {
		m := lent()
		copy(m.payload, "late")
		m.release()
	}
	if string(kept) != "news" {
		t.Errorf("what was given away became %q", kept)
	}
}

// What was received stays as it is while later messages come, on this stream and
// on others, and so does what a handler keeps of its request.
func TestReceivedStays(t *testing.T) {
	const streams, count = 16, 200
	text := func(stream, n int) string {
		return strings.Repeat(fmt.Sprintf("%d.%d ", stream, n), 1+n*n%2000)
	}
	var mu sync.Mutex
	asked := map[int]string{}
	m := NewMux()
	Handle(m, "Ask", func(_ context.Context, req *ping, reply *pong) error {
		mu.Lock()
		defer mu.Unlock()
		asked[req.N] = req.Text
		reply.Text = req.Text
		return nil
	})
	HandleStream(m, "News", func(_ context.Context, req *ping, s Stream) error {
		for n := range count {
			if err := s.Send(&ping{Text: text(req.N, n), N: n}); err != nil {
				return err
			}
		}
		return nil
	})
	a, _ := connect(t, nil, m)
	var all sync.WaitGroup
	for i := range streams {
		all.Go(func() {
			s, err := a.Stream(t.Context(), "News", &ping{N: i})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			var texts, replies [count]string
			var raws [count]Raw
			for n := range count {
				if n%2 == 0 {
					err = s.Recv(&raws[n])
				} else {
					var p ping
					err = s.Recv(&p)
					texts[n] = p.Text
				}
				var reply pong
				if err == nil {
					err = a.Call(t.Context(), "Ask", &ping{Text: text(i, n), N: i*count + n}, &reply)
				}
				if err != nil {
					t.Error(err)
					return
				}
				replies[n] = reply.Text
			}
			for n := range count {
				if n%2 == 0 {
					var p ping
					if err := decode(raws[n], &p); err != nil {
						t.Error(err)
					}
					texts[n] = p.Text
				}
				if want := text(i, n); texts[n] != want || replies[n] != want {
					t.Errorf("message %d of stream %d became %.20q, and a reply %.20q", n, i, texts[n], replies[n])
				}
			}
		})
	}
	all.Wait()
	for i := range streams {
		for n := range count {
			if got := asked[i*count+n]; got != text(i, n) {
				t.Errorf("request %d.%d became %.20q", i, n, got)
			}
		}
	}
}
