package session

import (
	"context"
	"strings"
	"sync"
	"testing"
)

func BenchmarkCall(b *testing.B) {
	a, _ := connect(b, nil, echo())
	req, reply := &ping{Text: "hello"}, &pong{}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Call(b.Context(), "Echo", req, reply); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallParallel(b *testing.B) {
	a, _ := connect(b, nil, echo())
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req, reply := &ping{Text: "hello"}, &pong{}
		for pb.Next() {
			if err := a.Call(b.Context(), "Echo", req, reply); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkStreams sends one message on each of the streams of a session, as a
// server does to the nodes that one plan touches.
func BenchmarkStreams(b *testing.B) {
	const streams = 640
	var wakes []chan struct{}
	var mu sync.Mutex
	m := NewMux()
	HandleStream(m, "News", func(ctx context.Context, _ *ping, s Stream) error {
		woken := make(chan struct{}, 1)
		mu.Lock()
		wakes = append(wakes, woken)
		mu.Unlock()
		news := &ping{Text: strings.Repeat("x", 1000)}
		for {
			if err := s.Send(news); err != nil {
				return err
			}
			select {
			case <-woken:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	a, _ := connect(b, nil, m)
	var all, told sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	told.Add(streams)
	for range streams {
		s, err := a.Stream(ctx, "News", &ping{})
		if err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			for s.Recv(&Raw{}) == nil {
				told.Done()
			}
		})
	}
	told.Wait()
	b.ReportAllocs()
	for b.Loop() {
		told.Add(streams)
		for _, w := range wakes {
			w <- struct{}{}
		}
		told.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*streams), "ns/message")
}
