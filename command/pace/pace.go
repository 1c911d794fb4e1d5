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

	"golang.org/x/sys/unix"
)

// every is how often the pace is looked at.
const every = time.Second

// liveHeap is the runtime's name of the bytes that the last collection kept.
const liveHeap = "/gc/heap/live:bytes"

const mb = 1 << 20

// Of the machine's memory a process may use machineShare for less collecting,
// once it holds spareFrom bytes; its heap then grows to spareMax percent more
// than it holds at most.
const (
	machineShare = 7 // one seventh
	spareFrom    = 256 * mb
	spareMax     = 300
)

// percent is how much garbage may gather, of the live heap, on a machine of so
// many bytes: a small process stays small, one of medium size is not collected
// all the time, and one that holds millions of allocations does not double.
func percent(live, machine uint64) int {
	least := 50
	switch {
	case live < 64*mb:
		least = 100
	case live < 512*mb:
		least = 200
	case live < 1536*mb:
		least = 100
	}
	share := machine / machineShare
	if live < spareFrom || share <= live {
		return least
	}
	return max(least, min(spareMax, int((share-live)*100/live)))
}

// memory is that of the machine, in bytes; 0 when it is not known. A limit of
// the process's own group is not looked for: GOMEMLIMIT is for that.
func memory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return info.Totalram * uint64(info.Unit)
}

// spareShare is the part of a machine's memory beyond which KeepSpare lends no
// spare.
const spareShare = 32

// withSpare is the percentage at which so much garbage may gather as spare, if
// the machine can bear that, and never less than percent.
func withSpare(live, machine, spare uint64) int {
	spare = min(spare, machine/spareShare)
	return max(percent(live, machine), int(spare*100/max(live, mb)))
}

// Keep follows the size of the heap until ctx ends. Whoever sets GOGC decides
// for themselves; a GOMEMLIMIT holds beside it.
func Keep(ctx context.Context) error { return KeepSpare(ctx, 0) }

// KeepSpare is Keep for a process that makes much garbage for what it holds, and
// has many stacks to look through for each collection: the garbage of spare
// bytes is let gather however little the process holds.
func KeepSpare(ctx context.Context, spare uint64) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	sample := []metrics.Sample{{Name: liveHeap}}
	set, machine := math.MinInt, memory()
	for {
		metrics.Read(sample)
		if next := withSpare(sample[0].Value.Uint64(), machine, spare); next != set {
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
