// Package world is what a simulated cluster lives in: one heap of events in
// virtual time, clocks that are off and drift, links between machines that
// delay, lose, repeat and reorder, disks that forget what was not synced, and
// processes that wait without threads. Everything runs on one thread and draws
// from one seed, so that the same seed is the same history. It knows nothing
// of what runs in it.
package world

import (
	"container/heap"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// Epoch is the beginning of virtual time.
func Epoch() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }

// World is virtual time and what is to happen in it.
type World struct {
	now     time.Duration // since Epoch
	seed    uint64
	seq     uint64
	pending events
	running *Process // whose code runs now, nil for none
	stacks  []*stack // that processes run on
	idle    []*stack // those of them on which none does

	hash  hash.Hash64
	trace io.Writer // nil: nobody reads it
}

// New begins a history. The trace is written to w unless that is nil; its hash
// is kept anyway.
func New(seed uint64, w io.Writer) *World {
	return &World{seed: seed, hash: fnv.New64a(), trace: w}
}

// Now is how much virtual time has passed.
func (w *World) Now() time.Duration { return w.now }

// Random is a source of its own for a purpose: what others draw does not
// change what it gives.
func (w *World) Random(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, purpose))
}

// Timer is one thing that is to happen.
type Timer struct {
	at   time.Duration
	seq  uint64
	do   func()
	slot int // in the heap; -1 is none
}

// After makes do happen after d; what is asked for the same moment happens in
// the order it was asked for.
func (w *World) After(d time.Duration, do func()) *Timer {
	w.seq++
	t := &Timer{at: w.now + max(d, 0), seq: w.seq, do: do}
	heap.Push(&w.pending, t)
	return t
}

// Cancel keeps t from happening; nil, or one that has happened, is nothing.
func (w *World) Cancel(t *Timer) {
	if t != nil && t.slot >= 0 {
		heap.Remove(&w.pending, t.slot)
	}
}

// Step lets the next thing happen, unless it is later than end. It tells
// whether there was one.
func (w *World) Step(end time.Duration) bool {
	if len(w.pending) == 0 || w.pending[0].at > end {
		w.now = max(w.now, end)
		return false
	}
	t := heap.Pop(&w.pending).(*Timer)
	w.now = t.at
	t.do()
	return true
}

// Tracef notes what happened.
func (w *World) Tracef(format string, args ...any) {
	line := fmt.Appendf(nil, "%12.6f  ", w.now.Seconds())
	line = fmt.Appendf(line, format, args...)
	line = append(line, '\n')
	w.hash.Write(line)
	if w.trace != nil {
		w.trace.Write(line)
	}
}

// Traced tells whether somebody reads the trace.
func (w *World) Traced() bool { return w.trace != nil }

// Detailf adds to the trace what readers want to know beside what happened; it
// is no part of the hash.
func (w *World) Detailf(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%14s"+format+"\n", append([]any{""}, args...)...)
	}
}

// Hash stands for the whole trace.
func (w *World) Hash() uint64 { return w.hash.Sum64() }

// events implements heap.Interface.
type events []*Timer

func (h events) Len() int { return len(h) }

func (h events) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h events) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

func (h *events) Push(x any) {
	t := x.(*Timer)
	t.slot = len(*h)
	*h = append(*h, t)
}

func (h *events) Pop() any {
	old := *h
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	*h = old[:last]
	t.slot = -1
	return t
}
