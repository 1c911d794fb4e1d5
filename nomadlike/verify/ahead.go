package verify

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Ahead is what verified plans change that are on their way into the log: it is
// not in the snapshot yet, or nobody looked whether it is. What they stop or
// evict is counted as still there: should they fail to arrive, nothing was
// built on room they would have made. It is for one goroutine at a time.
type Ahead struct {
	placed  map[string][]placement // by node
	plans   []*nl.Alloc            // of each plan that places something new, the first of that
	deltas  []*op.PlanDelta        // all of them
	changed map[string]bool        // stored allocations that they change, by ID; see changes
	counted int                    // how many of the deltas are in changed
}

// placement is an allocation and the place of its plan among those that place
// something new; the plan's new ones arrive together.
type placement struct {
	*nl.Alloc
	plan int
}

// isNew tells that a plan makes the allocation, rather than change a stored one.
func isNew(a *nl.Alloc) bool { return a.CreateIndex == 0 && a.AllocModifyIndex == 0 }

// Add counts one more plan.
func (h *Ahead) Add(d *op.PlanDelta) {
	if h.placed == nil {
		h.placed = map[string][]placement{}
	}
	plan := len(h.plans)
	for _, a := range d.Place {
		if isNew(a) && plan == len(h.plans) {
			h.plans = append(h.plans, a)
		}
		h.placed[a.NodeID] = append(h.placed[a.NodeID], placement{a, plan})
	}
	h.deltas = append(h.deltas, d)
}

// changes tells whether one of them changes the stored allocation. What they
// change is gathered when that is asked: few plans write anew what is stored.
func (h *Ahead) changes(id string) bool {
	if h.changed == nil {
		h.changed = map[string]bool{}
	}
	for _, d := range h.deltas[h.counted:] {
		for _, a := range d.Place {
			if a.AllocModifyIndex > 0 {
				h.changed[a.ID] = true
			}
		}
		for i := range d.Stop {
			h.changed[d.Stop[i].AllocID] = true
		}
		for i := range d.Preempt {
			h.changed[d.Preempt[i].AllocID] = true
		}
	}
	h.counted = len(h.deltas)
	return h.changed[id]
}

// Placed lists what is on its way to a node and has not arrived in s.
func (h *Ahead) Placed(s *store.Snapshot, nodeID string) []*nl.Alloc {
	var out []*nl.Alloc
	for _, a := range h.placed[nodeID] {
		if stored := s.Alloc(a.ID); stored == nil || stored.AllocModifyIndex <= a.AllocModifyIndex {
			out = append(out, withJob(s, a.Alloc))
		}
	}
	return out
}

// withJob is the allocation with its job, which a delta does not carry: the
// volumes it asks for stand there.
func withJob(s *store.Snapshot, a *nl.Alloc) *nl.Alloc {
	if a.Job != nil {
		return a
	}
	next := *a
	next.Job = s.JobVersion(a.Namespace, a.JobID, a.JobVersion)
	return &next
}

// news lists the allocations, in no order, that s does not hold yet.
func (h *Ahead) news(s *store.Snapshot) []*nl.Alloc {
	var out []*nl.Alloc
	for _, placed := range h.placed {
		for _, a := range placed {
			if s.Alloc(a.ID) == nil {
				out = append(out, withJob(s, a.Alloc))
			}
		}
	}
	return out
}

// arrived tells of each plan whether s holds what it makes.
func (h *Ahead) arrived(s *store.Snapshot) []bool {
	out := make([]bool, len(h.plans))
	for i, a := range h.plans {
		out[i] = s.Alloc(a.ID) != nil
	}
	return out
}

// putOn counts on a node what is on its way there.
func (h *Ahead) putOn(node *fit.Node, s *store.Snapshot, removed map[string]bool) {
	for _, a := range h.Placed(s, node.Info.ID) {
		if removed[a.ID] {
			continue
		}
		if stored := s.Alloc(a.ID); stored != nil {
			node.Remove(stored)
		}
		if !a.Terminal() {
			node.Add(a)
		}
	}
}

// changes tells whether one of them changes the stored allocation.
func changes(ahead []*Ahead, id string) bool {
	for _, h := range ahead {
		if h.changes(id) {
			return true
		}
	}
	return false
}
