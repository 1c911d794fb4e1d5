package sched

import "github.com/nomadlike/nomadlike/nomadlike/capacity"

// entry is a node in a heap with the score it had when it was put there.
type entry struct {
	sum     float64
	order   uint64 // by turn, breaks ties
	version int    // of the candidate; older entries are stale
	c       *candidate
}

func (e *entry) better(o *entry) bool {
	switch {
	case e.sum != o.sum:
		return e.sum > o.sum
	case e.order != o.order:
		return e.order < o.order
	}
	return e.c.before(o.c)
}

// before is the order that breaks ties.
func (c *candidate) before(o *candidate) bool {
	return c.order < o.order || c.order == o.order && c.node.Info.ID < o.node.Info.ID
}

func (e *entry) stale() bool { return e.version != e.c.version }

// lane holds nodes whose scores order them alike whatever the spread is: the
// spreads like them alike, and they have one number of other scores.
type lane struct {
	alike *alike
	terms int
	heap  []entry
	// source holds nodes that have not been looked at and would stand here, nil
	// when there are none.
	source *capacity.Search
}

func (l *lane) push(e entry) {
	l.heap = append(l.heap, e)
	for i := len(l.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !l.heap[i].better(&l.heap[up]) {
			break
		}
		l.heap[i], l.heap[up] = l.heap[up], l.heap[i]
		i = up
	}
}

func (l *lane) pop() entry {
	top := l.heap[0]
	last := len(l.heap) - 1
	l.heap[0] = l.heap[last]
	l.heap[last] = entry{}
	l.heap = l.heap[:last]
	l.sink(0)
	return top
}

func (l *lane) sink(i int) {
	for {
		best := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(l.heap); child++ {
			if l.heap[child].better(&l.heap[best]) {
				best = child
			}
		}
		if best == i {
			return
		}
		l.heap[i], l.heap[best] = l.heap[best], l.heap[i]
		i = best
	}
}

// build orders entries that were appended without push.
func (l *lane) build() {
	for i := len(l.heap)/2 - 1; i >= 0; i-- {
		l.sink(i)
	}
}

// top yields the best entries in order until yield returns false, leaving the
// heap as it is.
func (l *lane) top(yield func(*entry) bool) {
	if len(l.heap) == 0 {
		return
	}
	front := []int{0}
	for len(front) > 0 {
		best := 0
		for i := range front {
			if l.heap[front[i]].better(&l.heap[front[best]]) {
				best = i
			}
		}
		at := front[best]
		front[best] = front[len(front)-1]
		front = front[:len(front)-1]
		for child := 2*at + 1; child <= 2*at+2 && child < len(l.heap); child++ {
			front = append(front, child)
		}
		if e := &l.heap[at]; !e.stale() && !yield(e) {
			return
		}
	}
}
