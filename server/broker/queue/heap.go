package queue

import "time"

// order tells whether a comes before b in a heap.
type order func(a, b *entry) bool

// urgent orders what waits for a worker: the highest priority first, then the
// oldest, then by ID so that equal ones have one order.
func urgent(a, b *entry) bool {
	if a.eval.Priority != b.eval.Priority {
		return a.eval.Priority > b.eval.Priority
	}
	if a.eval.CreateIndex != b.eval.CreateIndex {
		return a.eval.CreateIndex < b.eval.CreateIndex
	}
	return a.eval.ID < b.eval.ID
}

// newest orders what waits behind another evaluation of its job: the highest
// priority first, then the most recent, since it supersedes the others.
func newest(a, b *entry) bool {
	if a.eval.Priority != b.eval.Priority {
		return a.eval.Priority > b.eval.Priority
	}
	if a.eval.ModifyIndex != b.eval.ModifyIndex {
		return a.eval.ModifyIndex > b.eval.ModifyIndex
	}
	return a.eval.ID < b.eval.ID
}

// earliest orders what waits for a time.
func earliest(a, b *entry) bool {
	if !a.due.Equal(b.due) {
		return a.due.Before(b.due)
	}
	return a.eval.ID < b.eval.ID
}

// pile is a binary heap that knows where each entry is, so that any entry can
// be taken out. An entry is in at most one pile.
type pile struct {
	before order
	items  []*entry
	lane   *lane // whose ready evaluations it holds, when these are shared
}

func newPile(o order) *pile { return &pile{before: o} }

func (p *pile) len() int { return len(p.items) }

// head is the first entry, nil when there is none.
func (p *pile) head() *entry {
	if len(p.items) == 0 {
		return nil
	}
	return p.items[0]
}

// push adds e.
func (p *pile) push(e *entry) {
	e.in, e.at = p, len(p.items)
	p.items = append(p.items, e)
	p.up(e.at)
}

// remove takes e out.
func (p *pile) remove(e *entry) {
	last := len(p.items) - 1
	at := e.at
	p.swap(at, last)
	p.items[last] = nil
	p.items = p.items[:last]
	if at < last {
		p.down(at)
		p.up(at)
	}
	e.in, e.at = nil, 0
}

// pop takes the first entry out, nil when there is none.
func (p *pile) pop() *entry {
	e := p.head()
	if e != nil {
		p.remove(e)
	}
	return e
}

func (p *pile) swap(i, j int) {
	p.items[i], p.items[j] = p.items[j], p.items[i]
	p.items[i].at, p.items[j].at = i, j
}

func (p *pile) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !p.before(p.items[i], p.items[parent]) {
			return
		}
		p.swap(i, parent)
		i = parent
	}
}

func (p *pile) down(i int) {
	for {
		first := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(p.items) && p.before(p.items[child], p.items[first]) {
				first = child
			}
		}
		if first == i {
			return
		}
		p.swap(i, first)
		i = first
	}
}

// dueBy is the head of p when its time has come.
func (p *pile) dueBy(now time.Time) *entry {
	if e := p.head(); e != nil && !e.due.After(now) {
		return e
	}
	return nil
}
