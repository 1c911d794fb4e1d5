package sched

import "github.com/nomadlike/nomadlike/nomadlike/capacity"

// entry is a node in a heap with its score.
type entry struct {
	sum   float64
	order uint64 // by turn, breaks ties
	c     *candidate
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

// lane holds nodes whose scores order them alike whatever the spread is: the
// spreads like them alike, and they have one number of other scores.
type lane struct {
	alike *alike
	terms int
	heap  []entry // the best first; each node knows where it stands
	// source holds nodes that have not been looked at and would stand here, nil
	// when there are none.
	source *capacity.Search
}

func (l *lane) push(e entry) {
	e.c.lane = l
	l.heap = append(l.heap, e)
	l.rise(len(l.heap) - 1)
}

// put puts an entry where another was.
func (l *lane) put(i int, e entry) {
	l.heap[i] = e
	e.c.at = i
}

// change puts a node that stands in the lane where it belongs now.
func (l *lane) change(e entry) {
	i := e.c.at
	l.put(i, e)
	l.rise(i)
	l.sink(e.c.at)
}

// drop takes a node out of its lane, if it stands in one.
func (c *candidate) drop() {
	l, i := c.lane, c.at
	if l == nil {
		return
	}
	c.lane = nil
	last := len(l.heap) - 1
	moved := l.heap[last]
	l.heap[last] = entry{}
	l.heap = l.heap[:last]
	if i < last {
		l.put(i, moved)
		l.rise(i)
		l.sink(moved.c.at)
	}
}

func (l *lane) pop() entry {
	top := l.heap[0]
	top.c.drop()
	return top
}

func (l *lane) rise(i int) {
	e := l.heap[i]
	for i > 0 {
		up := (i - 1) / 2
		if !e.better(&l.heap[up]) {
			break
		}
		l.put(i, l.heap[up])
		i = up
	}
	l.put(i, e)
}

func (l *lane) sink(i int) {
	e := l.heap[i]
	for {
		child := 2*i + 1
		if child >= len(l.heap) {
			break
		}
		if child+1 < len(l.heap) && l.heap[child+1].better(&l.heap[child]) {
			child++
		}
		if !l.heap[child].better(&e) {
			break
		}
		l.put(i, l.heap[child])
		i = child
	}
	l.put(i, e)
}

// build orders entries that were appended without push.
func (l *lane) build() {
	for i := range l.heap {
		l.heap[i].c.lane, l.heap[i].c.at = l, i
	}
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
	front := make([]int, 1, 2*scoresMax)
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
		if !yield(&l.heap[at]) {
			return
		}
	}
}
