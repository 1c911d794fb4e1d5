//go:build !race

// The race detector has pools lose some of what they hold.

package session

import (
	"context"
	"strings"
	"testing"
)

// Messages of a stream cost no memory of their own.
func TestStreamsReuseBuffers(t *testing.T) {
	told := testing.Benchmark(func(b *testing.B) {
		m := NewMux()
		HandleStream(m, "News", func(_ context.Context, _ *ping, s Stream) error {
			var wanted Raw
			for news := Raw(strings.Repeat("x", 1000)); s.Recv(&wanted) == nil; {
				if err := s.Send(news); err != nil {
					return err
				}
			}
			return nil
		})
		a, _ := connect(b, nil, m)
		s, err := a.Stream(b.Context(), "News", &ping{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		for b.Loop() {
			if err := s.Send(Raw(nil)); err != nil {
				b.Fatal(err)
			}
			if err := s.Recv(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	if got := told.AllocedBytesPerOp(); got > 200 {
		t.Errorf("a message of 1000 bytes took %d bytes of memory", got)
	}
}
