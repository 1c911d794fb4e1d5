package verify

import (
	"iter"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/capacity"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/sched/feasible"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// check looks at what a plan does, node by node.
type check struct {
	s       *store.Snapshot
	ahead   []*Ahead
	plan    *nl.Plan
	shunned map[string][]*feasible.Company // by group
	next    []int32                        // of each placement, the next on its node
	after   []int32                        // of each that leaves, the next on its node
	gone    []*nl.Alloc                    // of the node that is looked at: see takeLeaving
	takes   struct{ placed, ahead, gone fit.Takes }
	job     *nl.Job  // the last one that was looked up
	arrived [][]bool // by what is ahead, then plan
	// untouched tells that nothing of the plan's job was placed since the plan
	// was decided on: what is new in it is not stored.
	untouched bool
}

func newCheck(s *store.Snapshot, ahead []*Ahead, p *nl.Plan) *check {
	c := &check{s: s, ahead: ahead, plan: p, shunned: shunnedBy(p.Job)}
	if len(p.Place) > 0 {
		c.untouched = s.LastPlaced(p.Place[0].Namespace, p.Place[0].JobID) <= p.SnapshotIndex
	}
	for _, h := range ahead {
		c.arrived = append(c.arrived, h.arrived(s))
	}
	return c
}

// stored is what is stored of an allocation that the plan places, nil when it
// is new.
func (c *check) stored(a *nl.Alloc) *nl.Alloc {
	if first := c.plan.Place[0]; c.untouched && isNew(a) && a.JobID == first.JobID && a.Namespace == first.Namespace {
		return nil
	}
	return c.s.Alloc(a.ID)
}

// none ends the lists of a node's placements and of what leaves it.
const none = -1

// part is what a plan does on one node.
type part struct {
	node        string
	first, last int32 // of its placements
	leaves      int32 // the last that is stopped or evicted; see leaver
	unknown     bool  // allocations become unknown because nobody reaches the node
}

// split sorts the plan by node, in the order in which it names them. Nodes on
// which it only stops are left out: that always fits.
func (c *check) split() []part {
	p := c.plan
	c.next = make([]int32, len(p.Place))
	c.after = make([]int32, len(p.Stop)+len(p.Preempt))
	parts := make([]part, 0, len(p.Place))
	byNode := make(map[string]int, len(p.Place))
	of := func(id string) *part {
		at, there := byNode[id]
		if !there {
			at = len(parts)
			byNode[id] = at
			parts = append(parts, part{node: id, first: none, last: none, leaves: none})
		}
		return &parts[at]
	}
	for i, a := range p.Place {
		n := of(a.NodeID)
		if n.last == none {
			n.first = int32(i)
		} else {
			c.next[n.last] = int32(i)
		}
		c.next[i], n.last = none, int32(i)
	}
	leaves := func(node string, i int) {
		if at, there := byNode[node]; there {
			c.after[i], parts[at].leaves = parts[at].leaves, int32(i)
		}
	}
	for i := range p.Stop {
		if st := &p.Stop[i]; st.Desired == nl.AllocDesiredRun {
			of(st.NodeID).unknown = true
		} else {
			leaves(st.NodeID, i)
		}
	}
	for i := range p.Preempt {
		leaves(p.Preempt[i].NodeID, len(p.Stop)+i)
	}
	return parts
}

// leaving yields the IDs of what the plan stops or evicts on the node.
func (c *check) leaving(n *part) iter.Seq[string] {
	stops := len(c.plan.Stop)
	return func(yield func(string) bool) {
		for i := n.leaves; i != none; i = c.after[i] {
			id := ""
			if at := int(i) - stops; at >= 0 {
				id = c.plan.Preempt[at].AllocID
			} else {
				id = c.plan.Stop[i].AllocID
			}
			if !yield(id) {
				return
			}
		}
	}
}

// placed yields what the plan places on the node.
func (c *check) placed(n *part) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		for i := n.first; i != none; i = c.next[i] {
			if !yield(c.plan.Place[i]) {
				return
			}
		}
	}
}

// fits tells whether the node can take its part.
func (c *check) fits(n *part) bool {
	news, grows := false, false
	c.gone = c.gone[:0]
	for a := range c.placed(n) {
		stored := c.stored(a)
		switch {
		case stored == nil:
			news = true
			continue
		case stored.AllocModifyIndex > c.plan.SnapshotIndex || changes(c.ahead, a.ID):
			// Servers change it: what the plan would write is outdated.
			return false
		}
		c.gone = append(c.gone, stored)
		grows = grows || !a.Terminal() && fit.Need(stored.AllocatedResources) != fit.Need(a.AllocatedResources)
	}
	if n.unknown {
		if info := c.s.Node(n.node); info != nil && info.Status == nl.NodeStatusReady {
			return false
		}
	}
	if !news && !grows {
		return true
	}
	if !n.unknown && len(c.shunned) == 0 {
		if slot := c.s.CapacityOf(n.node); slot != nil {
			if fits, known := c.amounts(n, slot); known {
				return fits
			}
		}
	}
	info := c.s.Node(n.node)
	if info == nil || news && !info.Ready() {
		return false
	}
	return c.whole(n, info)
}

// amounts tells whether what is new fits on a node beside what stays there, by
// amounts alone; known is false when something holds more than that.
func (c *check) amounts(n *part, slot *capacity.Slot) (fits, known bool) {
	usage, others := slot.Usage, false
	if !c.takeLeaving(n, &usage) {
		return false, false
	}
	for i, h := range c.ahead {
		for _, a := range h.placed[n.node] {
			if !isNew(a.Alloc) {
				return false, false
			}
			if others = true; !c.arrived[i][a.plan] && !a.Terminal() {
				usage.AddTake(c.takes.ahead.Of(a.Alloc, c.jobOf(a.Alloc)), +1)
			}
		}
	}
	for a := range c.placed(n) {
		if !a.Terminal() {
			usage.AddTake(c.takes.placed.Of(a, a.Job), +1)
		}
	}
	if usage.Special > 0 {
		return false, false
	}
	most := slot.Node.NodeMaxAllocs
	fits = (most <= 0 || usage.Live <= most) && usage.Used.Exceeds(slot.Cap) == ""
	// What is ahead may never arrive, be gone again, or leave by this very plan:
	// looking at each tells.
	return fits, fits || !others
}

// leaversMax bounds what may leave a node that is taken off its amounts one by
// one: each is compared with all before it, lest one that is named twice counts
// twice.
const leaversMax = 64

// takeLeaving takes what leaves the node, or is written anew, off its amounts;
// false when that is not known.
func (c *check) takeLeaving(n *part, usage *fit.Usage) bool {
	for id := range c.leaving(n) {
		if len(c.gone) >= leaversMax {
			return false
		}
		if a := c.s.Alloc(id); a != nil { // else it may be on its way, and counts as staying
			c.gone = append(c.gone, a)
		}
	}
	for i, a := range c.gone {
		if a.NodeID == n.node && !a.Terminal() && !slices.Contains(c.gone[:i], a) {
			usage.AddTake(c.takes.gone.Of(a, a.Job), -1)
		}
	}
	return true
}

// jobOf is jobOf, remembering the last one: what is ahead comes in runs.
func (c *check) jobOf(a *nl.Alloc) *nl.Job {
	if c.job == nil || c.job.ID != a.JobID || c.job.Version != a.JobVersion || c.job.Namespace != a.Namespace {
		c.job = jobOf(c.s, a)
	}
	return c.job
}

// whole tells whether everything that would be on the node fits there, one
// beside the other.
func (c *check) whole(n *part, info *nl.Node) bool {
	node := fit.StoredNode(info, c.s.NodeUsage(n.node), c.s.AllocsByNode)
	removed := map[string]bool{}
	for id := range c.leaving(n) {
		removed[id] = true
	}
	for a := range c.placed(n) {
		removed[a.ID] = true
	}
	for id := range removed {
		if a := c.s.Alloc(id); a != nil {
			node.Remove(a)
		}
	}
	for _, h := range c.ahead {
		h.putOn(node, c.s, removed)
	}
	if len(c.shunned) > 0 && !c.apart(n, node) {
		return false
	}
	for a := range c.placed(n) {
		if !a.Terminal() {
			node.Add(a)
		}
	}
	return node.Check() == ""
}
