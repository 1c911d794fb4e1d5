// Package verify checks a plan once more, against a newer snapshot than the one
// it was decided on, before it is committed. The applier calls it. It uses the
// same capacity code as the scheduler, so a plan on an unchanged state always
// passes. It never changes the plan it is given, and never improves one: what
// no longer fits is left out, node by node.
package verify

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Plan returns what of the plan can be committed beside what is ahead of it:
// the plan itself when that is all of it. Otherwise it carries no evaluations,
// since the work is not done, but those that what is left of it refers to, and
// nothing of gangs that lost a member; one that wants all at once comes back
// empty, and so does one whose job is gone, and one that exceeds a quota, of
// which QuotaExceeded tells. Rejected are the nodes that have no room for their
// part: what a quota or a volume forbids is no fault of theirs.
func Plan(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) (accepted *nl.Plan, rejected []string) {
	if outlived(s, p) {
		return nothing(p), nil
	}
	accepted, rejected = fitting(s, ahead, p)
	if over := overQuota(s, ahead, accepted); len(over) > 0 {
		accepted = nothing(p)
		accepted.QuotaExceeded = over
		return accepted, nil
	}
	return accepted, rejected
}

// nothing is what is left of a plan of which nothing may be committed.
func nothing(p *nl.Plan) *nl.Plan {
	out := *p
	out.Evals, out.Place, out.Stop, out.Preempt = nil, nil, nil, nil
	out.Deployment, out.DeploymentUpdates = nil, nil
	return &out
}

// fitting is what of the plan its nodes have room for.
func fitting(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) (accepted *nl.Plan, rejected []string) {
	left, rejected := misfits(s, ahead, p)
	if len(left) == 0 {
		return p, nil
	}
	if p.AllAtOnce {
		return nothing(p), rejected
	}
	out := *p
	out.Place = slices.Clone(p.Place)
	for len(left) > 0 {
		dropNodes(&out, left)
		dropGangs(s, p, &out)
		// What keeps running after all may be in the way of others.
		var full []string
		left, full = misfits(s, ahead, &out)
		rejected = append(rejected, full...)
	}
	slices.Sort(rejected)
	out.Evals = Followups(&out)
	out.Deployment = withoutUnplaced(s, &out)
	return &out, rejected
}

// Followups are the evaluations of a plan that its allocations wait for: those
// that replace what failed or look after what is not heard of, later. They must
// be written with what names them, whatever becomes of the rest: nobody makes
// them again.
func Followups(p *nl.Plan) []*nl.Eval {
	named := map[string]bool{}
	for i := range p.Stop {
		named[p.Stop[i].FollowupEvalID] = true
	}
	for _, a := range p.Place {
		named[a.FollowupEvalID()] = true
	}
	var out []*nl.Eval
	for _, e := range p.Evals {
		if named[e.ID] && e.ID != p.EvalID {
			out = append(out, e)
		}
	}
	return out
}

// misfits lists the nodes whose part of the plan is left out, and those of them
// that cannot take it, sorted.
func misfits(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) (left, full []string) {
	c := newCheck(s, ahead, p)
	claims := checkClaims(s, ahead, p)
	parts := c.split()
	for i := range parts {
		n := &parts[i]
		fits := c.fits(n)
		if !fits {
			full = append(full, n.node)
		}
		if !fits || claims.refused[n.node] {
			left = append(left, n.node)
		}
	}
	slices.Sort(left)
	slices.Sort(full)
	return left, full
}

// dropNodes takes the parts of the nodes out of the plan.
func dropNodes(p *nl.Plan, nodes []string) {
	gone := map[string]bool{}
	for _, id := range nodes {
		gone[id] = true
	}
	// What is not unknown after all is not replaced, either, wherever that
	// would have been.
	known := map[string]bool{}
	for i := range p.Stop {
		if st := &p.Stop[i]; gone[st.NodeID] && st.Desired == nl.AllocDesiredRun {
			known[st.AllocID] = true
		}
	}
	drop(p, func(a *nl.Alloc) bool { return gone[a.NodeID] || known[a.PreviousAllocation()] })
	p.Stop = slices.DeleteFunc(p.Stop, func(st nl.AllocStop) bool { return known[st.AllocID] })
}

// drop takes placements out of the plan, with what they evict. What was to be
// replaced by them keeps running; other stops stay, they always fit.
func drop(p *nl.Plan, which func(*nl.Alloc) bool) {
	kept := map[string]bool{} // allocations whose replacement was dropped
	dropped := map[string]bool{}
	p.Place = slices.DeleteFunc(p.Place, func(a *nl.Alloc) bool {
		if !which(a) {
			return false
		}
		dropped[a.ID] = true
		kept[a.PreviousAllocation()] = true
		return true
	})
	p.Stop = slices.DeleteFunc(slices.Clone(p.Stop), func(st nl.AllocStop) bool {
		return kept[st.AllocID] && st.ClientStatus == ""
	})
	p.Preempt = slices.DeleteFunc(slices.Clone(p.Preempt), func(e nl.AllocPreemption) bool { return dropped[e.ByAlloc] })
}

// dropGangs takes out of what is accepted what is left of gangs that lost a
// member.
func dropGangs(s *store.Snapshot, p, accepted *nl.Plan) {
	for _, gang := range p.Gangs {
		member := func(a *nl.Alloc) bool {
			return a.JobID == p.Job.ID && slices.Contains(gang, a.TaskGroup) && s.Alloc(a.ID) == nil
		}
		if left := count(accepted.Place, member); left > 0 && left < count(p.Place, member) {
			drop(accepted, member)
		}
	}
}

func count(list []*nl.Alloc, which func(*nl.Alloc) bool) int {
	n := 0
	for _, a := range list {
		if which(a) {
			n++
		}
	}
	return n
}

// withoutUnplaced is the plan's deployment without canaries that are not placed.
func withoutUnplaced(s *store.Snapshot, p *nl.Plan) *nl.Deployment {
	if p.Deployment == nil {
		return nil
	}
	placed := map[string]bool{}
	for _, a := range p.Place {
		placed[a.ID] = true
	}
	d := p.Deployment.Copy()
	for _, st := range d.TaskGroups {
		st.PlacedCanaries = slices.DeleteFunc(st.PlacedCanaries, func(id string) bool {
			return !placed[id] && s.Alloc(id) == nil
		})
	}
	return d
}
