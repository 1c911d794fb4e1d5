package capacity

import (
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

const (
	// kindsMax is how many kinds of nodes are tried as additions, the commonest
	// first.
	kindsMax = 4
	// addTriesMax bounds the tries with one kind; each adds at least as many as
	// what is left needs. More than a few are only needed where work that waited
	// before takes the new room.
	addTriesMax = 12
)

// MoreNodes is how many nodes of a kind would make everything fit.
type MoreNodes struct {
	Kind
	Size  fit.Vector
	Like  string // name of a node that is so
	Count int
}

// moreNodes finds by trying how many nodes of the kinds that there are would
// make everything fit.
func (e *engine) moreNodes() error {
	if e.answer.Unplaced == 0 {
		return nil
	}
	known := models(e.base)
	for _, m := range known[:min(len(known), kindsMax)] {
		count, err := e.enough(m)
		if err != nil {
			return err
		}
		if count > 0 {
			e.answer.More = append(e.answer.More, &MoreNodes{Kind: m.Kind, Size: m.capacity, Like: m.example.Name, Count: count})
		}
	}
	slices.SortStableFunc(e.answer.More, func(a, b *MoreNodes) int { return a.Count - b.Count })
	return nil
}

// enough is how many nodes like m are needed, 0 when any number does not do.
// Each step adds what the allocations without a place need at the very least, so
// that it does not step over the answer.
func (e *engine) enough(m *model) (int, error) {
	left := maps.Clone(e.queued)
	f := e.c.Fork()
	queued := e.queued
	f.OnOutcome = e.note
	e.queued = left
	defer func() { e.queued = queued }()
	added := 0
	for range addTriesMax {
		if e.short() == 0 {
			return added, nil
		}
		before := e.waiting()
		n := e.atLeast(m)
		if n == 0 || added+n > addMax {
			return 0, nil
		}
		if err := addNodes(f, m.example, n); err != nil {
			return 0, err
		}
		added += n
		if err := f.Settle(); err != nil {
			return 0, err
		}
		if e.waiting() >= before {
			return 0, nil
		}
	}
	if e.short() > 0 {
		return 0, nil
	}
	return added, nil
}

// short is how many allocations are without a place that were not before the
// question.
func (e *engine) short() int {
	n := 0
	e.unplaced(func(_ demand, count int) { n += count })
	return n
}

// waiting is how many allocations are without a place in all.
func (e *engine) waiting() (n int) {
	for _, count := range e.queued {
		n += count
	}
	return n
}

// unplaced yields what is without a place: what each needs, and how many.
func (e *engine) unplaced(yield func(need demand, count int)) {
	for _, list := range [][]*JobAnswer{e.answer.Planned, e.answer.Others} {
		for _, j := range list {
			for _, g := range j.Groups {
				count := e.queued[groupKey{j.Namespace, j.ID, g.Name}] - e.waited(j, g)
				if g.Unplaced == 0 || count <= 0 {
					continue
				}
				need := demand{}
				if g.Why != nil && g.Why.Ask != nil {
					need = demandOf(g.Why.Ask)
				}
				yield(need, count)
			}
		}
	}
}

// demand is what an allocation takes on a node.
type demand struct {
	fit.Vector
	millis int64 // of a core, beside the MHz: how many those are differs between nodes
}

func demandOf(a *nl.GroupAsk) demand {
	return demand{fit.Vector{CPU: a.CPU, Memory: a.MemoryMB, Disk: a.DiskMB}, int64(a.CPUMillis)}
}

// on is what it takes on a node of that rate.
func (d demand) on(r fit.Rate) fit.Vector { return d.Plus(fit.Vector{CPU: r.Share(d.millis)}) }

// atLeast is how many empty nodes like m what is without a place needs at the
// least, 0 when some of it never fits one.
func (e *engine) atLeast(m *model) int {
	capacity, rate := m.capacity, fit.RateOf(m.example)
	nodes, never := 1, false
	var sum fit.Vector
	e.unplaced(func(asked demand, count int) {
		need := asked.on(rate)
		never = never || need.Exceeds(capacity) != ""
		if each := times(capacity, need); each > 0 {
			nodes = max(nodes, ceil(int64(count), each))
		}
		n := int64(count)
		sum = sum.Plus(fit.Vector{CPU: n * need.CPU, Memory: n * need.Memory, Disk: n * need.Disk})
	})
	if never {
		return 0
	}
	for _, d := range [][2]int64{{sum.CPU, capacity.CPU}, {sum.Memory, capacity.Memory}, {sum.Disk, capacity.Disk}} {
		if d[1] > 0 {
			nodes = max(nodes, ceil(d[0], d[1]))
		}
	}
	return nodes
}

// times is how often need fits into what is free, 0 when need is nothing.
func times(free, need fit.Vector) int64 {
	n := int64(-1)
	for _, d := range [][2]int64{{free.CPU, need.CPU}, {free.Memory, need.Memory}, {free.Disk, need.Disk}} {
		if d[1] > 0 && (n < 0 || d[0]/d[1] < n) {
			n = max(d[0], 0) / d[1]
		}
	}
	return max(n, 0)
}

func ceil(a, b int64) int { return int((a + b - 1) / b) }
