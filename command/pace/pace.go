// Package pace sets how often a process collects its garbage, by the size of
// what it holds.
package pace

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// every is how often the pace is looked at.
const every = time.Second

// liveHeap is the runtime's name of the bytes that the last collection kept.
const liveHeap = "/gc/heap/live:bytes"

// percent is how much garbage may gather, of the live heap: a small process
// stays small, one of medium size is not collected all the time, and one that
// holds millions of allocations does not double.
func percent(live uint64) int {
	const mb = 1 << 20
	switch {
	case live < 64*mb:
		return 100
	case live < 512*mb:
		return 200
	case live < 1536*mb:
		return 100
	}
	return 50
}

// Keep follows the size of the heap until ctx ends. Whoever sets GOGC decides
// for themselves; a GOMEMLIMIT holds beside it.
func Keep(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: liveHeap}}
	set := math.MinInt
	for {
		metrics.Read(sample)
		if next := percent(sample[0].Value.Uint64()); next != set {
			debug.SetGCPercent(next)
			set = next
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
