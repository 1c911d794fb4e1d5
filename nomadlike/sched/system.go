package sched

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// system decides for jobs that run once on every node.
func (r *run) system() (*Outcome, error) {
	e, err := r.everywhere()
	if err != nil {
		return nil, err
	}
	result := reconcile.RunSystem(reconcile.SystemInput{Input: r.reconcileInput(), Nodes: e.nodes})
	e.undo()
	r.applyResult(result)
	if r.job != nil && !r.job.Stop {
		for _, g := range r.job.TaskGroups {
			r.queued[g.Name] = 0
		}
	}
	for i := range result.Place {
		r.queued[result.Place[i].Group.Name]++
	}
	for i := range result.Place {
		if err := r.placeOnNode(&result.Place[i], result.Current); err != nil {
			return nil, err
		}
	}
	r.explainNowhere()
	return r.finish(result), nil
}

// placeOnNode places an allocation on the node it must go to.
func (r *run) placeOnNode(place *reconcile.Placement, d *nl.Deployment) error {
	p, err := r.placer(r.job, place.Group)
	if err != nil {
		return err
	}
	if place.Replaces != nil {
		r.leave(place.Previous)
		p.catchUp()
	}
	c := p.at(place.NodeID)
	if r.putOnNode(p, c, place, d) {
		if place.Replaces != nil {
			r.plan.Stop = append(r.plan.Stop, *place.Replaces)
		}
		return nil
	}
	apart := p.apart(c) != ""
	if place.Replaces != nil {
		r.comeBack(place.Previous)
		p.catchUp()
	}
	if apart { // by something that the plan has placed: it is not wanted here
		r.queued[place.Group.Name]--
		return nil
	}
	if p.quotaAlone {
		r.quotaFailed(p)
		return nil
	}
	reason, exhausted := c.filtered, c.exhausted
	if place.Replaces != nil && reason == "" && exhausted == "" {
		// The old allocation is back on the node and hides what was missing.
		exhausted = p.ask.Fits(c.node)
	}
	r.nodeFailed(p, c, reason, exhausted)
	return nil
}

func (r *run) putOnNode(p *placer, c *candidate, place *reconcile.Placement, d *nl.Deployment) bool {
	if c.filtered == "" {
		c.filtered = p.distinct(c) // what is placed elsewhere may matter
	}
	if c.filtered != "" || !r.allowance.leaves(p) {
		return false
	}
	if c.exhausted == "" && r.putOn(p, c, place, d, nil) {
		return true
	}
	return r.preemptOn(p, c, place, d)
}

// quotaFailed counts a node for which the quota leaves nothing in the metric of
// its group.
func (r *run) quotaFailed(p *placer) {
	if p.failed == nil {
		p.failed = r.baseMetric(p.ask.Job.NodePool)
		r.failures[p.ask.Group.Name] = p.failed
	} else {
		p.failed.CoalescedFailures++
	}
	p.failed.NodesEvaluated++
	p.failed.QuotaExhausted = p.overQuota
}

// nodeFailed counts a node without room in the metric of its group.
func (r *run) nodeFailed(p *placer, c *candidate, filtered, exhausted string) {
	info := c.node.Info
	m := p.failed
	if m == nil {
		m = r.baseMetric(p.ask.Job.NodePool)
		p.failed = m
		r.failures[p.ask.Group.Name] = m
	} else {
		m.CoalescedFailures++
	}
	m.NodesEvaluated++
	switch {
	case filtered != "":
		m.NodesFiltered++
		m.ConstraintFiltered = count(m.ConstraintFiltered, filtered, 1)
		if info.NodeClass != "" {
			m.ClassFiltered = count(m.ClassFiltered, info.NodeClass, 1)
		}
	case exhausted != "":
		m.NodesExhausted++
		m.DimensionExhausted = count(m.DimensionExhausted, exhausted, 1)
		if info.NodeClass != "" {
			m.ClassExhausted = count(m.ClassExhausted, info.NodeClass, 1)
		}
	}
	p.askExhausted(m)
	r.failedNodes = append(r.failedNodes, info.ID)
}

// explainNowhere makes a group that no node may run a failed one, although
// nothing was asked for.
func (r *run) explainNowhere() {
	if r.job == nil || r.job.Stop {
		return
	}
	for _, g := range r.job.TaskGroups {
		p := r.placers[placerKey{g.Name, r.job.Version}]
		if p == nil || g.Count == 0 || len(p.candidates) == 0 {
			continue
		}
		somewhere := false
		for _, c := range p.candidates {
			somewhere = somewhere || p.mayBeOn(c)
		}
		if !somewhere {
			r.failures[g.Name] = p.metric(nil)
		}
	}
}

// blockForQuota makes one blocked evaluation for all nodes that the quota keeps
// the job from, unless one waits already.
func (r *run) blockForQuota(done *nl.Eval, waits bool) []*nl.Eval {
	over := false
	for _, p := range r.placers {
		over = over || p.failed != nil && len(p.failed.QuotaExhausted) > 0
	}
	switch {
	case !over || waits:
		return nil
	case r.reblocks() && r.eval.NodeID == "":
		done.Status, done.StatusDescription = nl.EvalStatusBlocked, descBlocked
		r.setEligibility(done)
		return nil
	}
	e := r.newBlocked()
	done.BlockedEval = e.ID
	return []*nl.Eval{e}
}

// blockNodes makes one blocked evaluation for every node without room, except
// where one waits already.
func (r *run) blockNodes(done *nl.Eval) []*nl.Eval {
	waiting := map[string]bool{}
	for e := range r.snapshot.EvalsByJob(r.eval.Namespace, r.eval.JobID) {
		if e.Status == nl.EvalStatusBlocked && e.ID != r.eval.ID {
			waiting[e.NodeID] = true
		}
	}
	out := r.blockForQuota(done, waiting[""])
	seen := map[string]bool{}
	for _, id := range r.failedNodes {
		if seen[id] {
			continue
		}
		seen[id] = true
		if r.reblocks() && r.eval.NodeID == id {
			done.Status, done.StatusDescription = nl.EvalStatusBlocked, descBlocked
			r.setEligibility(done)
			continue
		}
		if waiting[id] {
			continue
		}
		e := r.newBlocked()
		e.NodeID = id
		if done.BlockedEval == "" {
			done.BlockedEval = e.ID
		}
		out = append(out, e)
	}
	return out
}
