package sched

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/preempt"
	"github.com/nomadlike/nomadlike/nomadlike/sched/rank"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// preempt finds the node where evicting humbler work hurts least.
func (r *run) preempt(p *placer, place *reconcile.Placement, d *nl.Deployment) bool {
	if !r.preemption() {
		return false
	}
	var best *candidate
	var bestVictims []*nl.Alloc
	bestScore := 0.0
	for _, c := range p.everyone() {
		if c.filtered != "" || p.distinct(c) != "" || nodeReason(p, c, place) != "" {
			continue
		}
		victims := r.victims(p, c)
		if victims == nil {
			continue
		}
		parts := p.evictedParts(c, victims)
		if score := parts.Final(); best == nil || score > bestScore {
			best, bestVictims, bestScore = c, victims, score
		}
	}
	return best != nil && r.evict(p, best, bestVictims, place, d)
}

// preemptOn is preempt for one given node.
func (r *run) preemptOn(p *placer, c *candidate, place *reconcile.Placement, d *nl.Deployment) bool {
	if !r.preemption() || c.filtered != "" {
		return false
	}
	victims := r.victims(p, c)
	return victims != nil && r.evict(p, c, victims, place, d)
}

func (r *run) victims(p *placer, c *candidate) []*nl.Alloc {
	id := c.node.Info.ID
	return preempt.Victims(preempt.Input{
		Keep: func(a *nl.Alloc) bool { return p.aloneWithout(id, []*nl.Alloc{a}) != "" },
		Node: c.node, Priority: p.ask.Job.Priority, Namespace: p.ask.Job.Namespace, JobID: p.ask.Job.ID,
		Need: p.ask.NeedOn(c.node), Ports: p.ask.StaticPorts(),
		Evicted: func(a *nl.Alloc) int { return r.evictedOf[groupKey{a.Namespace, a.JobID, a.TaskGroup}] },
		Fits: func(victims []*nl.Alloc) bool {
			return p.ask.Fits(without(c.node, victims)) == "" && p.aloneWithout(id, victims) == ""
		},
	})
}

// without is the node as if the victims were gone.
func without(n *fit.Node, victims []*nl.Alloc) *fit.Node {
	out := fit.NewNode(n.Info)
	for _, a := range n.Allocs() {
		if !slices.Contains(victims, a) {
			out.Add(a)
		}
	}
	return out
}

type groupKey struct{ namespace, job, group string }

// evictedParts scores a node with its victims gone.
func (p *placer) evictedParts(c *candidate, victims []*nl.Alloc) rank.Parts {
	rest := without(c.node, victims)
	parts := p.score(c, rest.Used.Plus(p.ask.NeedOn(rest)))
	parts.Spread = p.spread(c.bucket)
	priorities := make([]int, len(victims))
	for i, v := range victims {
		priorities[i] = v.Job.Priority
	}
	parts.Preemption, parts.HasPreemption = rank.Victims(priorities), true
	return parts
}

// evict removes the victims and places the allocation.
func (r *run) evict(p *placer, c *candidate, victims []*nl.Alloc, place *reconcile.Placement, d *nl.Deployment) bool {
	parts := p.evictedParts(c, victims)
	for _, v := range victims {
		r.remove(v)
	}
	offer, reason := p.ask.Take(c.node, r.random)
	if reason == "" {
		reason = r.allowance.refuses(p, c, offer.Resources)
	}
	if reason != "" {
		for _, v := range victims {
			r.restore(v)
		}
		return false
	}
	a := r.newAlloc(p, c, place, offer)
	m := *p.passed()
	m.ScoreMetaData = []*nl.NodeScoreMeta{{NodeID: c.node.Info.ID, Scores: parts.Table(), NormScore: parts.Final()}}
	a.Metrics = &m
	history := a.Amend()
	for _, v := range victims {
		history.PreemptedAllocations = append(history.PreemptedAllocations, v.ID)
		r.plan.Preempt = append(r.plan.Preempt, nl.AllocPreemption{AllocID: v.ID, NodeID: v.NodeID, ByAlloc: a.ID})
		r.victimsOf = append(r.victimsOf, v)
		r.evictedOf[groupKey{v.Namespace, v.JobID, v.TaskGroup}]++
	}
	r.join(a, place, d)
	r.commit(p, c, a, offer)
	return true
}

// preemptedStubs shows what the plan evicts; nil when nothing.
func (r *run) preemptedStubs() []*nl.AllocStub {
	var out []*nl.AllocStub
	for _, a := range r.victimsOf {
		stub := a.Stub()
		stub.TaskStates = a.TaskStates.Map()
		out = append(out, stub)
	}
	return out
}

// preemptionEvals are the evaluations for jobs that lose allocations.
func (r *run) preemptionEvals() []*nl.Eval {
	var out []*nl.Eval
	type key struct{ namespace, id string }
	seen := map[key]bool{}
	now := r.in.Now.UnixNano()
	for _, a := range r.victimsOf {
		k := key{a.Namespace, a.JobID}
		if seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, &nl.Eval{
			ID: r.in.NewID(), Namespace: a.Namespace, Priority: a.Job.Priority, Type: a.Job.Type,
			TriggeredBy: nl.TriggerPreemption, JobID: a.JobID, JobModifyIndex: a.Job.ModifyIndex,
			Status: nl.EvalStatusPending, PreviousEval: r.eval.ID, CreateTime: now, ModifyTime: now,
		})
	}
	return out
}
