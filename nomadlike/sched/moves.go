package sched

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Move is where an allocation would go if it were placed again now.
type Move struct {
	Alloc  *nl.Alloc
	NodeID string
	// Gain is how much higher the node's score is than that of the allocation's
	// own node, both without the allocation itself.
	Gain float64
}

// strandedGain is the gain for an allocation whose node may not run it any
// more: more than scores of two nodes ever differ by.
const strandedGain = 2

// Moves tells for allocations of one group where each of them would go, taken
// alone, if it were placed now. Those that would stay are left out. With
// startFirst the allocation holds its place until the new one has one.
//
// Fuller nodes are no gain by themselves when nodes are packed: moving from one
// to the other leaves as many nodes in use. They count for allocations on nodes
// that can be emptied, where mayLeave tells what else may be moved away.
func Moves(s *store.Snapshot, job *nl.Job, g *nl.Group, allocs []*nl.Alloc, startFirst bool, mayLeave func(*nl.Alloc) bool, in Input) ([]Move, error) {
	r := newRun(s, &nl.Eval{Namespace: job.Namespace, JobID: job.ID, Type: job.Type}, in)
	r.whole = true // what is free is added up over all of them
	p, err := r.placer(job, g)
	if err != nil {
		return nil, err
	}
	p.prepare()
	m := &moves{placer: p, mayLeave: mayLeave, empties: map[string]bool{}}
	m.countFree()
	var out []Move
	for _, a := range allocs {
		if to := m.of(a, startFirst); to != nil {
			out = append(out, *to)
		}
	}
	return out, nil
}

// moves is the search for one group.
type moves struct {
	*placer
	mayLeave func(*nl.Alloc) bool
	free     fit.Vector      // of all nodes that are in use
	empties  map[string]bool // by node ID: it can be emptied
}

// countFree adds up what is free on nodes that are in use.
func (m *moves) countFree() {
	for _, c := range m.candidates {
		if c.static == "" && c.node.Live > 0 {
			m.free = m.free.Plus(c.node.Cap.Minus(c.node.Used))
		}
	}
}

// canEmpty tells whether everything on the node may leave and would find room,
// taken together, on the other nodes in use. Work that runs on every node does
// not keep a node in use.
func (m *moves) canEmpty(n *fit.Node) bool {
	known, found := m.empties[n.Info.ID]
	if found {
		return known
	}
	can := true
	var leaves fit.Vector
	for _, a := range n.Allocs() {
		if a.Job != nil && (a.Job.Type == nl.JobTypeSystem || a.Job.Type == nl.JobTypeSysBatch) {
			continue
		}
		can = can && m.mayLeave(a)
		leaves = leaves.Plus(fit.Need(a.AllocatedResources))
	}
	can = can && leaves.Exceeds(m.free.Minus(n.Cap.Minus(n.Used))) == ""
	m.empties[n.Info.ID] = can
	return can
}

// of is where one allocation would go, nil when it would stay.
func (m *moves) of(a *nl.Alloc, startFirst bool) *Move {
	m.catchUp() // the one before has come back
	here := m.at(a.NodeID)
	if here == nil {
		return nil
	}
	empties := m.algorithm != rank.Pack || m.canEmpty(here.node)
	var to *candidate
	if startFirst {
		to = m.place(a)
	}
	m.run.leave(a)
	m.catchUp()
	defer m.run.comeBack(a)
	if !startFirst {
		to = m.place(a)
	}
	if to == nil || to == here {
		return nil
	}
	return &Move{Alloc: a, NodeID: to.node.Info.ID, Gain: m.gain(here, to, empties)}
}

// place is the node the allocation would be put on.
func (m *moves) place(a *nl.Alloc) *candidate {
	for {
		c := m.pick(&reconcile.Placement{Name: a.Name, Group: m.ask.Group, Previous: a, Migrate: true}, nil)
		if c == nil {
			return nil
		}
		_, reason := m.ask.Take(c.node, m.run.random)
		if reason == "" {
			return c
		}
		c.exhausted = reason
		c.drop()
	}
}

func (m *moves) gain(here, to *candidate, fits bool) float64 {
	if here.filtered != "" || here.exhausted != "" {
		return strandedGain
	}
	before, after := here.parts, to.parts
	before.Spread, after.Spread = m.spread(here.bucket), m.spread(to.bucket)
	if !fits {
		after.Fit = before.Fit
	}
	return after.Final() - before.Final()
}
