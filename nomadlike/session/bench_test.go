package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
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
	b.Run("library", func(b *testing.B) {
		benchmarkStreams(b, streams, &ping{Text: strings.Repeat("x", 1000)}, func(s Stream) error { return s.Recv(&ping{}) })
	})
	news := &query.NodeAllocChanges{Index: 1}
	for i := range 3 {
		news.Allocs = append(news.Allocs, &nl.Alloc{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), Name: fmt.Sprintf("web.web[%d]", i), Namespace: "default", JobID: "web", TaskGroup: "web",
			EvalID: "10000000-0000-4000-8000-000000000000", NodeID: "20000000-0000-4000-8000-000000000000", NodeName: "node-1",
			DesiredStatus: nl.AllocDesiredRun, ClientStatus: nl.AllocClientPending, CreateTime: 1, ModifyTime: 1,
		})
	}
	b.Run("form", func(b *testing.B) {
		benchmarkStreams(b, streams, news, func(s Stream) error { return s.Recv(&query.NodeAllocChanges{}) })
	})
	b.Run("unread", func(b *testing.B) {
		benchmarkStreams(b, streams, news, func(s Stream) error { return s.Recv(nil) })
	})
}

func benchmarkStreams(b *testing.B, streams int, news any, receive func(Stream) error) {
	var wakes []chan struct{}
	var mu sync.Mutex
	m := NewMux()
	HandleStream(m, "News", func(ctx context.Context, _ *ping, s Stream) error {
		woken := make(chan struct{}, 1)
		mu.Lock()
		wakes = append(wakes, woken)
		mu.Unlock()
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
			for receive(s) == nil {
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

// BenchmarkUpdates makes calls of the size in which a node tells of its
// allocations.
func BenchmarkUpdates(b *testing.B) {
	m := NewMux()
	Handle(m, "Update", func(context.Context, *query.NodeAllocUpdates, *query.Written) error { return nil })
	a, _ := connect(b, nil, m)
	req := &query.NodeAllocUpdates{NodeID: "20000000-0000-4000-8000-000000000000", SecretID: "30000000-0000-4000-8000-000000000000"}
	for i := range 10 {
		req.Updates = append(req.Updates, &nl.AllocUpdate{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), ClientStatus: nl.AllocClientRunning, ClientDescription: "Tasks are running"})
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := a.Call(b.Context(), "Update", req, &query.Written{}); err != nil {
				b.Error(err)
			}
		}
	})
}
