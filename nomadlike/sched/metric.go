package sched

import (
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

const (
	// scoresMax is how many nodes' scores are kept for a placement.
	scoresMax = 5
	// choicesMax is how many placements of a group have a metric of their own.
	choicesMax = 64
	// recentMax is how many placements beyond those share one metric: their
	// tables would hardly differ, and state would carry each for as long as the
	// allocation lives.
	recentMax = 64
)

// metric is the state of all nodes as placement metrics tell it; with a
// placement, as that one sees them.
func (p *placer) metric(place *reconcile.Placement) *nl.AllocMetric {
	m := p.run.baseMetric(p.ask.Job.NodePool)
	p.prepare()
	p.catchUp()
	p.checks.Forget()
	if p.indexed != nil {
		p.countIndexed(m)
		return m
	}
	m.NodesEvaluated = len(p.candidates)
	for _, c := range p.candidates {
		class := c.node.Info.NodeClass
		filtered := c.filtered
		if place != nil {
			filtered = nodeReason(p, c, place)
		}
		switch {
		case filtered != "":
			p.countFiltered(m, c, filtered)
		case c.exhausted != "":
			m.NodesExhausted++
			m.DimensionExhausted = count(m.DimensionExhausted, c.exhausted, 1)
			if class != "" {
				m.ClassExhausted = count(m.ClassExhausted, class, 1)
			}
		}
	}
	return m
}

func (p *placer) countFiltered(m *nl.AllocMetric, c *candidate, reason string) {
	m.NodesFiltered++
	m.ConstraintFiltered = count(m.ConstraintFiltered, p.checks.Count(c.node.Info, reason), 1)
	if class := c.node.Info.NodeClass; class != "" {
		m.ClassFiltered = count(m.ClassFiltered, class, 1)
	}
}

func count(m map[string]int, key string, by int) map[string]int {
	if m == nil {
		m = map[string]int{}
	}
	m[key] += by
	return m
}

// failure is the metric of a placement that failed, with what the tasks asked
// for of the dimensions that ran out.
func (p *placer) failure(place *reconcile.Placement) *nl.AllocMetric {
	if p.quotaAlone {
		return p.quotaMetric()
	}
	m := p.survey(place)
	m.QuotaExhausted = p.overQuota
	p.askExhausted(m)
	return m
}

// survey is metric with what nodes lack beside room told of all of them, too.
// For a placement that succeeded only nodes that were tried are asked for ports.
func (p *placer) survey(place *reconcile.Placement) *nl.AllocMetric {
	if p.ask.WantsPorts() {
		p.prepare()
		p.everyone()
	}
	return p.metric(place)
}

// quotaMetric is that of a placement for which no node was looked at, since
// the quota allows no more.
func (p *placer) quotaMetric() *nl.AllocMetric {
	m := p.run.baseMetric(p.ask.Job.NodePool)
	m.NodesEvaluated = p.run.region(p.ask.Job.NodePool).nodes
	m.QuotaExhausted = p.overQuota
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
				r.CPU, r.CPUMillis = t.Resources.CPU, t.Resources.CPUMillis
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
	c := r.region(pool)
	return &nl.AllocMetric{
		NodePool: pool, NodesInPool: c.inPool, NodesAvailable: c.available, AllocationTime: r.elapsed(),
	}
}

// nodeReason is why a node is left out for a placement of its own.
func nodeReason(p *placer, c *candidate, place *reconcile.Placement) string {
	if c.filtered != "" || !p.checks.PerAlloc {
		return c.filtered
	}
	if reason := p.checks.Index(c.node.Info, p.ask.Group, reconcile.Index(place.Name)); reason != "" {
		return reason
	}
	return p.volumes(c, place.Name)
}
