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

// Names of the runtime: liveHeap is the bytes that the last collection kept,
// stacks and globals those that it looked through beside them.
const (
	liveHeap = "/gc/heap/live:bytes"
	stacks   = "/gc/scan/stack:bytes"
	globals  = "/gc/scan/globals:bytes"
)

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

// A process that has a spare uses it unless that is more than one in spareShare
// of the machine's memory, and lets sparePercent of what it holds gather at
// least.
const (
	spareShare   = 32
	sparePercent = 15
)

// ofSpare is the percentage at which so much garbage gathers as spare beside
// what each collection looks through.
func ofSpare(looked, machine, spare uint64) int {
	spare = min(spare, machine/spareShare)
	return max(sparePercent, int(spare*100/max(looked, mb)))
}

// Keep follows the size of the heap until ctx ends. Whoever sets GOGC decides
// for themselves; a GOMEMLIMIT holds beside it.
func Keep(ctx context.Context) error {
	machine := memory()
	return follow(ctx, func(live, _ uint64) int { return percent(live, machine) })
}

// KeepSpare is Keep for a process that makes much garbage for what it holds, of
// which little has pointers to follow: the garbage of spare bytes gathers,
// however much or little the process holds.
func KeepSpare(ctx context.Context, spare uint64) error {
	machine := memory()
	return follow(ctx, func(live, roots uint64) int { return ofSpare(live+roots, machine, spare) })
}

// follow sets the percentage for what the last collection kept, and what it
// looked through beside that, until ctx ends.
func follow(ctx context.Context, percent func(live, roots uint64) int) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	samples := []metrics.Sample{{Name: liveHeap}, {Name: stacks}, {Name: globals}}
	set := math.MinInt
	for {
		metrics.Read(samples)
		if next := percent(samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()); next != set {
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
