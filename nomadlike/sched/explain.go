package sched

import (
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

const (
	// nearestMax is how many nodes that nearly fit are named for a group.
	nearestMax = 5
	// scoresMax is how many nodes' scores are kept for a placement.
	scoresMax = 5
	// choicesMax is how many placements of a group are explained one by one.
	choicesMax = 256
	// recentMax is how many placements beyond those share one metric: their
	// tables would hardly differ, and state would carry each for as long as the
	// allocation lives.
	recentMax = 64
)

// Explanation tells, group by group, what was asked and why it went where it
// did, or nowhere.
type Explanation struct {
	EvalID string
	Groups []*GroupExplanation // in the order of the job
}

// Group is the explanation of the group, nil when nothing was to be placed.
func (e *Explanation) Group(name string) *GroupExplanation {
	for _, g := range e.Groups {
		if g.Group == name {
			return g
		}
	}
	return nil
}

// GroupExplanation is about one group.
type GroupExplanation struct {
	Group  string
	Placed int        // placements made
	Failed int        // placements that found no node
	Need   fit.Vector // of each
	Cores  int        // of each

	Evaluated int            // nodes looked at
	Filtered  map[string]int // nodes left out, by reason
	Exhausted map[string]int // nodes without room, by dimension
	ByClass   map[string]ClassCount
	// Nearest are nodes that may run the group and have the least missing.
	Nearest []NearMiss
	Choices []Choice
}

// ClassCount folds the nodes of one class (NodeClass) that were not taken.
type ClassCount struct{ Filtered, Exhausted int }

// NearMiss is a node that nearly fits.
type NearMiss struct {
	NodeID, NodeName string
	Dimension        string
	Missing          fit.Vector // amounts that are missing, 0 where there is enough
}

// Choice is one placement with the scores of the chosen node and the runners-up.
type Choice struct {
	Name   string
	NodeID string
	Scores []*nl.NodeScoreMeta // best first
}

// summarize counts the nodes of a placer as they stand now.
func (p *placer) summarize() {
	x := p.explain
	x.Filtered, x.Exhausted = map[string]int{}, map[string]int{}
	x.ByClass = map[string]ClassCount{}
	x.Nearest = nil
	x.Evaluated = len(p.candidates)
	var near []NearMiss
	for _, c := range p.candidates {
		if c.filtered == "" && c.exhausted == "" {
			continue
		}
		class := x.ByClass[c.node.Info.NodeClass]
		if c.filtered != "" {
			x.Filtered[c.filtered]++
			class.Filtered++
		} else {
			x.Exhausted[c.exhausted]++
			class.Exhausted++
			near = append(near, NearMiss{
				NodeID: c.node.Info.ID, NodeName: c.node.Info.Name, Dimension: c.exhausted,
				Missing: missing(p.ask.NeedOn(c.node), c.node),
			})
		}
		x.ByClass[c.node.Info.NodeClass] = class
	}
	slices.SortStableFunc(near, func(a, b NearMiss) int {
		switch x, y := shortfall(a.Missing, p.ask.Need), shortfall(b.Missing, p.ask.Need); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	x.Nearest = near[:min(len(near), nearestMax)]
}

func missing(need fit.Vector, n *fit.Node) fit.Vector {
	short := n.Used.Plus(need).Minus(n.Cap)
	return fit.Vector{CPU: max(short.CPU, 0), Memory: max(short.Memory, 0), Disk: max(short.Disk, 0)}
}

// shortfall is how much is missing as a part of what is asked for.
func shortfall(short, need fit.Vector) float64 {
	part := func(a, b int64) float64 {
		if b == 0 {
			return 0
		}
		return float64(a) / float64(b)
	}
	return part(short.CPU, need.CPU) + part(short.Memory, need.Memory) + part(short.Disk, need.Disk)
}

// metric is the state of all nodes as placement metrics tell it; with a
// placement, as that one sees them.
func (p *placer) metric(place *reconcile.Placement) *nl.AllocMetric {
	m := p.run.baseMetric(p.ask.Job.NodePool)
	m.NodesEvaluated = len(p.candidates)
	p.checks.Forget()
	for _, c := range p.candidates {
		class := c.node.Info.NodeClass
		filtered := c.filtered
		if place != nil {
			filtered = nodeReason(p, c, place)
		}
		switch {
		case filtered != "":
			m.NodesFiltered++
			m.ConstraintFiltered = count(m.ConstraintFiltered, p.checks.Count(c.node.Info, filtered))
			if class != "" {
				m.ClassFiltered = count(m.ClassFiltered, class)
			}
		case c.exhausted != "":
			m.NodesExhausted++
			m.DimensionExhausted = count(m.DimensionExhausted, c.exhausted)
			if class != "" {
				m.ClassExhausted = count(m.ClassExhausted, class)
			}
		}
	}
	return m
}

func count(m map[string]int, key string) map[string]int {
	if m == nil {
		m = map[string]int{}
	}
	m[key]++
	return m
}

// failure is the metric of a placement that failed, with what the tasks asked
// for of the dimensions that ran out.
func (p *placer) failure(place *reconcile.Placement) *nl.AllocMetric {
	m := p.metric(place)
	p.askExhausted(m)
	return m
}

// askExhausted notes what the tasks asked for of the dimensions that ran out.
func (p *placer) askExhausted(m *nl.AllocMetric) {
	for _, dimension := range slices.Sorted(maps.Keys(m.DimensionExhausted)) {
		if dimension != "cpu" && dimension != "memory" && dimension != "disk" && dimension != "cores" {
			continue
		}
		for _, t := range p.ask.Group.Tasks {
			if t.Resources == nil {
				continue
			}
			if m.ResourcesExhausted == nil {
				m.ResourcesExhausted = map[string]*nl.Resources{}
			}
			r := m.ResourcesExhausted[t.Name]
			if r == nil {
				r = &nl.Resources{}
				m.ResourcesExhausted[t.Name] = r
			}
			switch dimension {
			case "cpu":
				r.CPU = t.Resources.CPU
			case "memory":
				r.MemoryMB = t.Resources.MemoryMB
			case "cores":
				r.Cores = t.Resources.Cores
			case "disk":
				r.DiskMB = int64(p.ask.Need.Disk)
			}
		}
	}
}

// baseMetric is what the metrics of all placements in a pool share.
func (r *run) baseMetric(pool string) *nl.AllocMetric {
	c := r.cluster(pool)
	return &nl.AllocMetric{
		NodePool: pool, NodesInPool: c.inPool, NodesAvailable: c.available, AllocationTime: r.elapsed(),
	}
}

// nodeReason is why a node is left out for a placement of its own.
func nodeReason(p *placer, c *candidate, place *reconcile.Placement) string {
	if c.filtered != "" || !p.checks.PerAlloc {
		return c.filtered
	}
	return feasible.Index(c.node.Info, p.ask.Group, reconcile.Index(place.Name))
}
