package verify

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
)

// shunnedBy is, by group, what the allocations of a job must not be placed
// beside; nil when that is nothing. What they want to be near is not looked at
// again: it may leave a moment after the plan as well as before it.
func shunnedBy(job *nl.Job) map[string][]*feasible.Company {
	if job == nil {
		return nil
	}
	var out map[string][]*feasible.Company
	for _, g := range job.TaskGroups {
		conditions, err := feasible.CompanyOf(job, g)
		if err != nil {
			continue // the scheduler would not have placed it
		}
		for _, c := range conditions {
			if c.Wants() {
				continue
			}
			if out == nil {
				out = map[string][]*feasible.Company{}
			}
			out[g.Name] = append(out[g.Name], c)
		}
	}
	return out
}

// apart tells that nothing came to the node, since the plan was decided, that
// its allocations must not be beside. The plan's own were weighed against each
// other as they were placed.
func (c *check) apart(n *part, node *fit.Node) bool {
	for a := range c.placed(n) {
		if a.CreateIndex > 0 || len(c.shunned[a.TaskGroup]) == 0 {
			continue // it is there already
		}
		news := func(yield func(*nl.Alloc) bool) {
			for _, other := range node.Allocs() {
				came := other.CreateIndex == 0 || other.CreateIndex > c.plan.SnapshotIndex
				if came && other.Namespace == a.Namespace && !yield(other) {
					return
				}
			}
		}
		if feasible.Unmet(c.shunned[a.TaskGroup], news) != "" {
			return false
		}
	}
	return true
}
