package verify

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/quota"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// overQuota names what the plan would use beyond the quota of its namespace.
// What the plan stops makes room for what it places; what other plans stop that
// are ahead does not, yet.
func overQuota(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) []string {
	if len(p.Place) == 0 {
		return nil
	}
	namespace := p.Place[0].Namespace
	limits, before := s.Limits(namespace, region(s, p))
	if limits == nil {
		return nil
	}
	under := func(namespace string) bool {
		n := s.Namespace(namespace)
		return n != nil && n.Quota == limits.Quota
	}
	before = before.Copy()
	for _, h := range ahead {
		for _, a := range h.news(s) {
			if under(a.Namespace) && !a.Terminal() {
				before.Add(pool(s, a.NodeID), quota.OfGroup(a.AllocatedResources, jobOf(s, a), a.TaskGroup))
			}
		}
	}
	after := before.Copy()
	taken := map[string]bool{}
	take := func(id string) {
		a := s.Alloc(id)
		if a == nil || a.Terminal() || taken[id] {
			return
		}
		taken[id] = true
		if under(a.Namespace) {
			after.Take(pool(s, a.NodeID), quota.Of(a))
		}
	}
	for i := range p.Stop {
		if p.Stop[i].Desired != nl.AllocDesiredRun {
			take(p.Stop[i].AllocID)
		}
	}
	for i := range p.Preempt {
		take(p.Preempt[i].AllocID)
	}
	for _, a := range p.Place {
		take(a.ID)
		if a.Terminal() {
			continue
		}
		after.Add(pool(s, a.NodeID), quota.OfGroup(a.AllocatedResources, jobOf(s, a), a.TaskGroup))
	}
	return limits.Ledger(before, after)
}

// jobOf is the version an allocation of a plan belongs to: plans of other
// servers' workers come without.
func jobOf(s *store.Snapshot, a *nl.Alloc) *nl.Job {
	if a.Job != nil {
		return a.Job
	}
	return s.JobVersion(a.Namespace, a.JobID, a.JobVersion)
}

// region is the one whose limits hold.
func region(s *store.Snapshot, p *nl.Plan) string {
	job := p.Job
	if job == nil {
		job = jobOf(s, p.Place[0])
	}
	if job == nil {
		return ""
	}
	return job.Region
}

func pool(s *store.Snapshot, node string) string {
	if n := s.Node(node); n != nil {
		return n.NodePool
	}
	return ""
}
