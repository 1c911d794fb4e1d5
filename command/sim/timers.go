package sim

import (
	"container/heap"
	"time"
)

// timers is when the members of a fleet are due, earliest first: a heap that
// holds each at most once. It is not safe for concurrent use.
type timers struct{ list []*member }

// set makes m due at at, or never when at is zero. It tells whether m is now
// the first.
func (t *timers) set(m *member, at time.Time) (first bool) {
	m.due = at
	switch {
	case at.IsZero() && m.slot >= 0:
		heap.Remove((*byDue)(t), m.slot)
		return false
	case at.IsZero():
		return false
	case m.slot >= 0:
		heap.Fix((*byDue)(t), m.slot)
	default:
		heap.Push((*byDue)(t), m)
	}
	return m.slot == 0
}

// pop takes the first out if it is due.
func (t *timers) pop(now time.Time) *member {
	if len(t.list) == 0 || now.Before(t.list[0].due) {
		return nil
	}
	return heap.Pop((*byDue)(t)).(*member)
}

// next is when the first is due.
func (t *timers) next() (at time.Time, ok bool) {
	if len(t.list) == 0 {
		return time.Time{}, false
	}
	return t.list[0].due, true
}

// byDue implements heap.Interface.
type byDue timers

func (h *byDue) Len() int           { return len(h.list) }
func (h *byDue) Less(i, j int) bool { return h.list[i].due.Before(h.list[j].due) }
func (h *byDue) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].slot, h.list[j].slot = i, j
}

func (h *byDue) Push(x any) {
	m := x.(*member)
	m.slot = len(h.list)
	h.list = append(h.list, m)
}

func (h *byDue) Pop() any {
	last := len(h.list) - 1
	m := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	m.slot = -1
	return m
}
