package store

import (
	"cmp"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// allocStateClientStatus is the Field of the states that note changes of the
// client status.
const allocStateClientStatus = "ClientStatus"

// putAlloc stores next in place of old (nil: it is new and was entered) and
// derives what follows: indexes, the job's summary, its deployment's counters,
// services. next is the transaction's own copy.
func (t *tx) putAlloc(old, next *nl.Alloc) {
	row := t.jobRow(next.Namespace, next.JobID)
	t.touch(row)
	number := t.number(cmp.Or(old, next))
	from := ""
	if old == nil {
		row.allocs.Set(t.owner, next.ID, number, t.allocID)
		row.placed = next.CreateIndex
	} else {
		t.allocs.Set(t.owner, number, next)
		from = old.ClientStatus
		if !old.Terminal() {
			row.liveAllocs--
		}
	}
	t.found, t.foundNumber = next, number
	t.onNode(old, next, number)
	if old == nil || old.EvalID != next.EvalID {
		if old != nil {
			t.leaveEval(old, number)
		}
		set := t.ofEval(next.EvalID)
		set.numbers = set.numbers.with(number)
	}
	if !next.Terminal() {
		row.liveAllocs++
	}
	t.countAlloc(row, next, from, next.ClientStatus)
	t.countInDeployment(old, next)
	if next.TerminalClient() {
		t.deleteServicesOf(next.ID)
	}
	t.countUse(old, next)
	t.claimVolumes(old, next)
	t.changeAlloc(next, old, next)
}

// enter gives an allocation its number, from when on it is found by its ID. One
// of that ID that is there already stays and is returned.
func (t *tx) enter(a *nl.Alloc) (old *nl.Alloc) {
	number, found := t.allocsByID.Add(t.owner, a.ID, t.allocs.Next(), t.allocID)
	if found {
		t.found, t.foundNumber = t.allocs.Get(number), number
		return t.found
	}
	t.found, t.foundNumber = a, t.allocs.Add(t.owner, a)
	return nil
}

func (t *tx) deleteAlloc(a *nl.Alloc) {
	row := t.jobRow(a.Namespace, a.JobID)
	t.touch(row)
	number := t.number(a)
	t.leaveNode(a, number)
	t.leaveEval(a, number)
	row.allocs.Delete(t.owner, a.ID, t.allocID)
	t.allocsByID.Delete(t.owner, a.ID, t.allocID)
	t.allocs.Delete(t.owner, number) // last: the indexes ask for its ID
	t.found = nil
	if !a.Terminal() {
		row.liveAllocs--
	}
	t.deleteServicesOf(a.ID)
	t.countUse(a, nil)
	t.claimVolumes(a, nil)
	t.changeAlloc(a, a, nil)
}

// Alloc is that of the snapshot. It remembers the last one: most are changed
// next.
func (t *tx) Alloc(id string) *nl.Alloc {
	number, a := t.numbered(id)
	if a != nil {
		t.found, t.foundNumber = a, number
	}
	return a
}

// number is that of an allocation that is there.
func (t *tx) number(a *nl.Alloc) uint64 {
	if t.found != a {
		t.Alloc(a.ID)
	}
	return t.foundNumber
}

// onNodeOf is the allocations of a node, to be changed in place.
func (t *tx) onNodeOf(nodeID string) *nodeAllocs {
	at := t.allocsByNode.At(t.owner, nodeID)
	if at == nil {
		set := &nodeAllocs{owner: t.owner, key: nodeID}
		t.allocsByNode.Set(t.owner, set)
		return set
	}
	if set := *at; set.owner != t.owner {
		*at = &nodeAllocs{owner: t.owner, key: set.key, allocs: set.allocs, usage: set.usage, freed: set.freed}
	}
	return *at
}

// onNode keeps the allocations of nodes and what they take.
func (t *tx) onNode(old, next *nl.Alloc, number uint64) {
	moves := old == nil || old.NodeID != next.NodeID
	if moves && old != nil {
		t.leaveNode(old, number)
	}
	takesOther := moves || old.AllocatedResources != next.AllocatedResources || old.Terminal() != next.Terminal()
	frees := endsNow(old, next) && fit.HasPorts(next.AllocatedResources)
	if !takesOther && !frees {
		return // the usual case of what a node tells
	}
	set := t.onNodeOf(next.NodeID)
	before := set.usage
	if moves {
		set.allocs = set.allocs.With(number)
	} else if takesOther {
		t.use(set, old, -1)
	}
	if takesOther {
		t.use(set, next, +1)
	}
	if set.usage != before {
		t.noteFilled(set)
	}
	if frees {
		set.freed = withFreed(set.freed, fit.Freed{AllocID: next.ID, At: next.ModifyTime, Resources: next.AllocatedResources})
	}
}

// use counts an allocation on its node, or, by -1, no longer does.
func (t *tx) use(set *nodeAllocs, a *nl.Alloc, by int) {
	if !a.Terminal() {
		set.usage.AddTake(t.takes.Of(a, a.Job), by)
	}
}

// noteFilled has the index of capacity brought up to date, once for the node.
func (t *tx) noteFilled(set *nodeAllocs) {
	if set.noted != t.owner {
		set.noted = t.owner
		t.filled = append(t.filled, set)
	}
}

// endsNow tells that an allocation is over since this write, by the servers or
// by what its node tells.
func endsNow(old, next *nl.Alloc) bool {
	return next.Terminal() && (old == nil || !old.Terminal() || next.TerminalClient() && !old.TerminalClient())
}

// withFreed is the list with one more, without what is long ago.
func withFreed(list []fit.Freed, f fit.Freed) []fit.Freed {
	newest := f.At
	for i := range list {
		newest = max(newest, list[i].At)
	}
	var out []fit.Freed
	for _, other := range append(slices.Clip(list), f) {
		if other.At > newest-int64(fit.PortRest) {
			out = append(out, other)
		}
	}
	return out
}

func (t *tx) leaveNode(a *nl.Alloc, number uint64) {
	set := t.onNodeOf(a.NodeID)
	t.use(set, a, -1)
	t.noteFilled(set)
	set.allocs = set.allocs.Without(number)
	set.freed = slices.DeleteFunc(slices.Clone(set.freed), func(f fit.Freed) bool { return f.AllocID == a.ID })
	if set.allocs.Len() == 0 {
		t.allocsByNode.Delete(t.owner, a.NodeID)
	}
}

// ofEval is the allocations of an evaluation, to be changed in place.
func (t *tx) ofEval(evalID string) *evalAllocs {
	set, _ := t.allocsByEval.Get(evalID)
	switch {
	case set == nil:
		set = &evalAllocs{owner: t.owner, key: evalID}
		t.allocsByEval.Set(t.owner, set)
	case set.owner != t.owner:
		set = &evalAllocs{owner: t.owner, key: set.key, numbers: slices.Clone(set.numbers)}
		t.allocsByEval.Set(t.owner, set)
	}
	return set
}

func (t *tx) leaveEval(a *nl.Alloc, number uint64) {
	set := t.ofEval(a.EvalID)
	if set.numbers = set.numbers.without(number); len(set.numbers) == 0 {
		t.allocsByEval.Delete(t.owner, a.EvalID)
	}
}

// updateAllocs takes what a node tells. Allocations the servers no longer know
// are passed over: the node will be told to drop them.
func (t *tx) updateAllocs(o *op.UpdateAllocs) {
	for _, u := range o.Updates {
		// What a node told and had to tell again may come late: how an allocation
		// ended stands.
		number, old := t.updated(u)
		if old != nil && !(hasEnded(old.ClientStatus) && !hasEnded(u.ClientStatus)) {
			t.found, t.foundNumber = old, number
			t.putAlloc(old, t.withUpdate(old, u, o.Time))
		}
	}
	if o.NodeID != "" {
		t.noteAllocUpdate(o.NodeID)
	}
	t.upsertEvals(o.Evals)
}

// noNetwork is what most allocations have, who share it.
var noNetwork = new(nl.AllocNetworkStatus)

// hasEnded tells whether a node has said how the allocation ended.
func hasEnded(clientStatus string) bool {
	return clientStatus == nl.AllocClientComplete || clientStatus == nl.AllocClientFailed
}

func (t *tx) withUpdate(old *nl.Alloc, u *nl.AllocUpdate, time int64) *nl.Alloc {
	next := *old
	if old.ClientStatus == nl.AllocClientUnknown && u.ClientStatus != old.ClientStatus {
		next.Amend().AllocStates = withClientStatus(old, u.ClientStatus, time)
	}
	next.ClientStatus = constant(u.ClientStatus)
	next.ClientDescription = constant(u.ClientDescription)
	next.TaskStates = u.TaskStates
	if u.NetworkStatus != nil {
		next.NetworkStatus = u.NetworkStatus
		if *u.NetworkStatus == (nl.AllocNetworkStatus{}) {
			next.NetworkStatus = noNetwork
		}
	}
	if told := u.DeploymentStatus; told != nil && told.Healthy != nil {
		health := nl.AllocDeploymentStatus{Healthy: shared(*told.Healthy), Timestamp: told.Timestamp, ModifyIndex: t.index}
		if before := old.DeploymentStatus; before != nil {
			health.Canary = before.Canary
			if before.Healthy != nil && *before.Healthy == *told.Healthy && before.Timestamp.Equal(told.Timestamp.Time) {
				health.ModifyIndex = before.ModifyIndex
			}
		}
		next.DeploymentStatus = &health
	}
	next.ModifyIndex = t.index
	next.ModifyTime = time
	return &next
}

// withClientStatus notes a change of the client status for good: reconnecting
// is decided by these.
func withClientStatus(a *nl.Alloc, status string, time int64) []*nl.AllocState {
	return append(slices.Clip(a.AllocStates()),
		&nl.AllocState{Field: allocStateClientStatus, Value: constant(status), Time: timeOf(time)})
}

// transitionAllocs passes over allocations that are gone.
func (t *tx) transitionAllocs(o *op.TransitionAllocs) {
	ids := slices.Sorted(maps.Keys(o.Transitions))
	for _, id := range ids {
		old := t.Alloc(id)
		if old == nil {
			continue
		}
		next := *old
		mergeTransition(&next.Amend().DesiredTransition, o.Transitions[id])
		next.ModifyIndex, next.AllocModifyIndex = t.index, t.index
		if o.Time != 0 {
			next.ModifyTime = o.Time
		}
		t.putAlloc(old, &next)
	}
	t.upsertEvals(o.Evals)
}

func mergeTransition(to, from *nl.DesiredTransition) {
	if from == nil {
		return
	}
	set := func(to *nl.Flag, from nl.Flag) {
		if from != nl.Absent {
			*to = from
		}
	}
	set(&to.Migrate, from.Migrate)
	set(&to.Reschedule, from.Reschedule)
	set(&to.ForceReschedule, from.ForceReschedule)
	set(&to.NoShutdownDelay, from.NoShutdownDelay)
	set(&to.MigrateDisablePlacement, from.MigrateDisablePlacement)
	set(&to.StartFirst, from.StartFirst)
}
