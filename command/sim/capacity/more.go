package capacity

import (
	"maps"
	"slices"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

const (
	// kindsMax is how many kinds of nodes are tried as additions, the commonest
	// first: each try settles the whole cluster.
	kindsMax = 4
	// addTriesMax bounds the steps with one kind; each adds at least as many as
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
	known := e.candidates()
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

// candidates are the kinds of nodes that some of what is without a place could
// run on, one for each kind and capacity.
func (e *engine) candidates() []*model {
	type key struct {
		Kind
		capacity fit.Vector
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(models(e.base), func(m *model) bool {
		barred := !slices.ContainsFunc(e.barred, func(by map[string]bool) bool { return !by[m.example.ID] })
		k := key{m.Kind, m.capacity}
		if barred || seen[k] {
			return true
		}
		seen[k] = true
		return false
	})
}

// barredBy are the nodes of a survey on which more room would not help: out of
// reach, or not what the group needs. A group that wants hosts of its own may
// have new ones.
func barredBy(n *nl.NodeSurvey) map[string]bool {
	out := map[string]bool{}
	for _, v := range n.All {
		out[v.NodeID] = slices.ContainsFunc(v.Obstacles, func(o *nl.NodeObstacle) bool {
			return o.Stage == nl.ObstacleReach || o.Stage == nl.ObstacleFilter && o.Reason != feasible.DistinctHosts
		})
	}
	return out
}

// enough is how many nodes like m are needed, 0 when any number does not do.
func (e *engine) enough(m *model) (int, error) {
	if e.atLeast(m) == 0 {
		return 0, nil
	}
	few := 0 // is known not to do
	if !e.gang() {
		added, done, err := e.stepwise(m)
		if done || err != nil {
			return added, err
		}
		few = added
	}
	// One for each allocation does if any number does.
	most := min(e.short(), addMax)
	if most <= few {
		return 0, nil
	}
	if ok, err := e.suffice(m, most); !ok || err != nil {
		return 0, err
	}
	for most-few > 1 {
		n := (few + most) / 2
		ok, err := e.suffice(m, n)
		if err != nil {
			return 0, err
		}
		if ok {
			most = n
		} else {
			few = n
		}
	}
	return most, nil
}

// gang tells whether something without a place is placed as a whole or not at
// all: less than enough changes nothing, and what it lacks is less than it wants.
func (e *engine) gang() bool {
	s := e.c.Snapshot()
	for _, list := range [][]*JobAnswer{e.answer.Planned, e.answer.Others} {
		for _, j := range list {
			job := s.Job(j.Namespace, j.ID)
			for _, g := range j.Groups {
				if g.Unplaced > 0 && (job.AllOrNothing || job.Group(g.Name).AllOrNothing) {
					return true
				}
			}
		}
	}
	return false
}

// trial is a copy of the cluster whose decisions are noted until end is called.
func (e *engine) trial() (f *settle.Cluster, end func()) {
	queued := e.queued
	e.queued = maps.Clone(queued)
	f = e.c.Fork()
	f.OnOutcome = e.note
	return f, func() { e.queued = queued }
}

// suffice tells whether n more nodes like m do.
func (e *engine) suffice(m *model, n int) (bool, error) {
	f, end := e.trial()
	defer end()
	if err := addNodes(f, m.example, n); err != nil {
		return false, err
	}
	if err := f.Settle(); err != nil {
		return false, err
	}
	return e.short() == 0, nil
}

// stepwise adds nodes like m until that does: each time what the allocations
// without a place need at the very least, so that it does not step over the
// answer. It gives up when that gets nowhere.
func (e *engine) stepwise(m *model) (added int, done bool, err error) {
	f, end := e.trial()
	defer end()
	for range addTriesMax {
		before := e.waiting()
		n := e.atLeast(m)
		if added+n > addMax {
			return added, false, nil
		}
		if err := addNodes(f, m.example, n); err != nil {
			return 0, false, err
		}
		added += n
		if err := f.Settle(); err != nil {
			return 0, false, err
		}
		if e.short() == 0 {
			return added, true, nil
		}
		if e.waiting() >= before {
			return added, false, nil
		}
	}
	return added, false, nil
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
	s := e.c.Snapshot()
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
				need.alone = alone(s.Job(j.Namespace, j.ID), g.Name)
				yield(need, count)
			}
		}
	}
}

// demand is what an allocation takes on a node.
type demand struct {
	fit.Vector
	millis int64 // of a core, beside the MHz: how many those are differs between nodes
	alone  bool  // no two of its group share a node
}

func demandOf(a *nl.GroupAsk) demand {
	return demand{Vector: fit.Vector{CPU: a.CPU, Memory: a.MemoryMB, Disk: a.DiskMB}, millis: int64(a.CPUMillis)}
}

// alone tells whether a group wants a host of its own for each allocation.
func alone(job *nl.Job, group string) bool {
	return slices.ContainsFunc(slices.Concat(job.Constraints, job.Group(group).Constraints), func(c *nl.Constraint) bool {
		if op, known := expr.ParseOperand(c.Operand); !known || op != expr.DistinctHosts {
			return false
		}
		on, err := feasible.HostsDiffer(c)
		return on && err == nil
	})
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
		if each := times(capacity, need); asked.alone {
			nodes = max(nodes, count)
		} else if each > 0 {
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
