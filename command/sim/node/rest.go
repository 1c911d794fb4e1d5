package node

import (
	"iter"
	"sync"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// resting is an allocation that runs, as the servers were told, and is fresh:
// what it has beside that follows from its group. Almost all of millions are
// like that for almost all of the time, so it is small and holds no pointers,
// which collections of garbage would follow.
type resting struct {
	began, due               moment
	since                    moment // of the verdict; while watched, when to look again
	modified, healthModified uint64
	job                      uint32 // number
	group                    uint16 // place in the job
	deployment               uint8  // number; 0 is none
	healthy, verdict         opinion
	toldHealth               opinion
	canary                   bool
	watched                  bool // its health is being found out, since it began
}

// allocations are those that went to rest, to be used for others: most rest a
// moment after they were made or woken.
var allocations = sync.Pool{New: func() any { return new(allocation) }}

// atRest are the allocations that rest. One that was woken keeps its place, which
// mostly it needs again in a moment.
func (n *Node) atRest() iter.Seq2[key, resting] {
	return func(yield func(key, resting) bool) {
		for k, r := range n.resting {
			if n.allocs[k] == nil && !yield(k, r) {
				return
			}
		}
	}
}

// rouse wakes all.
func (n *Node) rouse() {
	for k := range n.resting {
		n.find(k)
	}
}

// has tells whether the node has an allocation.
func (n *Node) has(k key) bool {
	_, found := n.modified(k)
	return found
}

// rest lets an allocation rest if it can.
func (n *Node) rest(a *allocation) {
	switch {
	case a.machine != nil, a.dirty, a.terminal, a.noDelay, !a.reportedRunning(), a.expireAt != a.group.expiry(a.began):
		return
	case a.watched && (a.since != 0 || momentOf(a.health.Began) != a.began):
		return
	}
	deployment, ok := n.cfg.Jobs.deployment(a.group, a.deployment)
	if !ok {
		return
	}
	since := a.since
	if a.watched {
		since = a.healthAt
	}
	n.resting[a.key] = resting{
		began: a.began, due: a.due, since: since, modified: a.modified, healthModified: a.healthModified,
		job: a.group.number, group: a.group.place, deployment: deployment,
		healthy: a.healthy, verdict: a.verdict, toldHealth: a.told.health, canary: a.canary, watched: a.watched,
	}
	delete(n.allocs, a.key)
	*a = allocation{}
	allocations.Put(a)
}

// find is an allocation, awake; nil when the node has none such.
func (n *Node) find(k key) *allocation {
	if a := n.allocs[k]; a != nil {
		return a
	}
	r, found := n.resting[k]
	if !found {
		return nil
	}
	a := allocations.Get().(*allocation)
	*a = allocation{
		cfg: &n.cfg, began: r.began, due: r.due, since: r.since, verdict: r.verdict,
		told: told{nl.AllocClientRunning, r.toldHealth},
		held: held{
			key: k, id: k.String(), modified: r.modified, healthModified: r.healthModified, healthy: r.healthy, canary: r.canary,
		},
	}
	a.group, a.deployment = n.cfg.Jobs.woken(r.job, r.group, r.deployment)
	a.expireAt = a.group.expiry(a.began)
	if r.watched {
		a.since, a.healthAt, a.watched = 0, r.since, true
		a.health.Rules, _ = a.rules()
		a.health.Began = r.began.time()
	}
	n.allocs[k] = a
	return a
}

// modified is the AllocModifyIndex of an allocation; false when the node does
// not have it.
func (n *Node) modified(k key) (uint64, bool) {
	if a := n.allocs[k]; a != nil {
		return a.modified, true
	}
	r, found := n.resting[k]
	return r.modified, found
}

// told is the status that was reported of an allocation.
func (n *Node) told(k key) string {
	if a := n.allocs[k]; a != nil {
		return a.told.status
	}
	if _, found := n.resting[k]; found {
		return nl.AllocClientRunning
	}
	return ""
}

// due is when an allocation has something to do.
func (n *Node) due(k key) moment {
	if a := n.allocs[k]; a != nil {
		return a.due
	}
	return n.resting[k].due
}
