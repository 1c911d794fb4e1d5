package node

import (
	"container/heap"
	"time"
)

// schedule is when allocations have something to do: a heap that holds each at
// most once.
type schedule []*allocation

// set makes an allocation due at that moment, or never.
func (s *schedule) set(a *allocation, at moment) {
	if at == a.at {
		return
	}
	a.at = at
	switch {
	case at == 0:
		heap.Remove(s, a.slot)
	case a.slot < 0:
		heap.Push(s, a)
	default:
		heap.Fix(s, a.slot)
	}
}

// first is when the first is due.
func (s schedule) first() moment {
	if len(s) == 0 {
		return 0
	}
	return s[0].at
}

// pop takes out those whose moment has come.
func (s *schedule) pop(now time.Time) (out []*allocation) {
	for len(*s) > 0 && (*s)[0].at <= momentOf(now) {
		a := heap.Pop(s).(*allocation)
		a.at = 0
		out = append(out, a)
	}
	return out
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at < s[j].at }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].slot, s[j].slot = i, j
}

func (s *schedule) Push(x any) {
	a := x.(*allocation)
	a.slot = len(*s)
	*s = append(*s, a)
}

func (s *schedule) Pop() any {
	last := len(*s) - 1
	a := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	a.slot = -1
	return a
}
