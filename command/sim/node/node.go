// Package node is the pure part of a simulated node: events in, calls and
// timers out. It runs allocations with the state machines of the real client,
// so that what is reported has the same shape. The fleet of sim nodes and the
// clusters of sim run drive it. It has no clock, randomness or connection of
// its own.
package node

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/client/assign"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

const (
	// retryMin is the least pause after a call that failed; a random part of it
	// is added. It doubles up to retryMax.
	retryMin = time.Second
	retryMax = 30 * time.Second
	// lazyDelay is how long news that nobody waits for are collected.
	lazyDelay = 200 * time.Millisecond
	// updatesMax is how many allocations one call tells of.
	updatesMax = 1000
	// stoppedEarly describes an allocation that was stopped before the node knew
	// of it.
	stoppedEarly = "stopped before it was started"
	// jobsSpare is how many job versions without allocations a node keeps.
	jobsSpare = 32
	// agendaSpare is how many appointments that are not meant any more an agenda
	// holds, beside one for each allocation.
	agendaSpare = 32
)

// CallKind is what a call does.
type CallKind uint8

// The calls of a node.
const (
	CallRegister CallKind = iota + 1
	CallHeartbeat
	CallUpdate
)

// Call is a call that a node wants made.
type Call struct {
	Kind    CallKind
	Updates []*nl.AllocUpdate // of CallUpdate
}

// Events of a node.
type (
	// Start lets the node register.
	Start struct{}
	// Answered ends the call that Step asked for. TTL and Index are those of the
	// reply to a registration or heartbeat.
	Answered struct {
		Call  Call
		TTL   time.Duration
		Index uint64
		Err   error
	}
	// Changes is a message of the allocation stream.
	Changes struct{ Message *query.NodeAllocChanges }
	// Tick says that the time has come that Step asked for.
	Tick struct{}
	// Restarted is the start of an agent that was killed: what it had on disk
	// is still there, calls and streams are not. Tasks went on meanwhile,
	// unless PowerOff was called.
	Restarted struct{}
)

// Event is one of the types above.
type Event any

// Output is what a step wants done.
type Output struct {
	// Calls are to be made, and each answered by Answered. Of updates one is
	// under way at a time, and one of the others beside it: servers must hear
	// of a node while they are slow to take what it tells.
	Calls []Call
	// Follow opens the allocation stream; Reopen closes and opens it.
	Follow, Reopen bool
	// Wake is when Tick is due at the latest; zero is never.
	Wake time.Time
	// Running counts the running allocations.
	Running int
}

// Config is what a node's decisions depend on.
type Config struct {
	// Lifetime is how long tasks of drivers other than mock_driver run; 0 is
	// until they are stopped.
	Lifetime time.Duration
	// Random is uniform in [0, 1).
	Random func() float64
	// Jobs may be shared by nodes that are sent the same; nil shares with nobody.
	Jobs *Jobs
}

// Node is one simulated node.
type Node struct {
	cfg     Config
	allocs  map[key]*allocation // that are awake
	resting map[key]resting     // newer is what allocs has
	agenda  schedule
	touched []*allocation // that were given something since the last reports
	running int           // allocations that were reported as running
	jobs    []uint32      // numbers of those that the servers sent, in order

	seen       uint64    // how new the state is that servers have shown
	known      bool      // the servers have the node
	following  bool      // the stream was asked for
	contacting bool      // a registration or heartbeat is under way
	updating   bool      // an update is
	contactAt  time.Time // when to register or beat
	contacted  time.Time // when that was done last
	pause      time.Duration
	pending    updates
	sendAt     time.Time // when to tell of pending; zero when there is nothing
	updateWait time.Duration
}

// New makes a node that waits for Start.
func New(cfg Config) *Node {
	if cfg.Jobs == nil {
		cfg.Jobs = new(Jobs)
	}
	return &Node{cfg: cfg, allocs: map[key]*allocation{}, resting: map[key]resting{}}
}

// Step takes one event.
func (n *Node) Step(now time.Time, ev Event) Output {
	var out Output
	switch ev := ev.(type) {
	case Start:
		n.contactAt = now
	case Answered:
		if ev.Call.Kind == CallUpdate {
			n.updating = false
		} else {
			n.contacting = false
		}
		out.Follow = n.answered(now, ev)
	case Changes:
		out.Reopen = n.changes(now, ev.Message)
	case Restarted:
		n.restarted(now)
	}
	n.tick(now)
	n.collect(now)
	out.Calls = n.calls(now)
	out.Wake = n.wake()
	out.Running = n.running
	return out
}

// touch notes that an allocation was given something: it may have something to
// report, and something to do later. Nobody looks through all allocations for
// that, since a node may have hundreds.
func (n *Node) touch(a *allocation) {
	if !a.touched {
		a.touched = true
		n.touched = append(n.touched, a)
	}
	if next := a.next(); next != a.due {
		a.due = next
		n.appoint(appointment{next, a.key})
	}
}

// appoint puts an appointment into the agenda, unless it is for never. Those
// that are not meant any more are thrown out once they are many.
func (n *Node) appoint(one appointment) {
	if one.at == 0 {
		return
	}
	n.agenda.add(one)
	if len(n.agenda) <= 2*(len(n.allocs)+len(n.resting))+agendaSpare {
		return
	}
	kept := make([]appointment, 0, len(n.allocs)+len(n.resting))
	for k, a := range n.allocs {
		kept = append(kept, appointment{a.due, k})
	}
	for k, r := range n.atRest() {
		kept = append(kept, appointment{r.due, k})
	}
	n.agenda.keep(slices.DeleteFunc(kept, func(one appointment) bool { return one.at == 0 }))
}

// first is when the first allocation is due.
func (n *Node) first() moment {
	for {
		one, ok := n.agenda.first()
		if !ok || one.at == n.due(one.of) {
			return one.at
		}
		n.agenda.drop()
	}
}

// tick lets due allocations go on, in the order of their IDs.
func (n *Node) tick(now time.Time) {
	var list []key
	for {
		one, ok := n.agenda.pop(now)
		if !ok {
			break
		}
		if one.at == n.due(one.of) {
			list = append(list, one.of)
		}
	}
	slices.SortFunc(list, compareKeys)
	for _, k := range slices.Compact(list) {
		a := n.find(k)
		a.due = 0
		a.tick(now)
		n.touch(a)
	}
}

func compareKeys(a, b key) int { return bytes.Compare(a[:], b[:]) }

// answered takes the outcome of a call, and tells whether to open the stream.
func (n *Node) answered(now time.Time, ev Answered) (follow bool) {
	if ev.Err != nil {
		n.failed(now, ev)
		return false
	}
	if ev.Call.Kind == CallUpdate {
		n.updateWait = 0
		return false
	}
	if n.seen = max(n.seen, ev.Index); ev.Call.Kind == CallRegister {
		n.seen = ev.Index
	}
	n.known, n.pause = true, 0
	n.contactAt = now.Add(query.BeatPause(ev.TTL, now.Sub(n.contacted)))
	follow = !n.following
	n.following = true
	return follow
}

// failed plans the next attempt.
func (n *Node) failed(now time.Time, ev Answered) {
	gone := nl.CodeOf(ev.Err) == nl.CodeNotFound
	if ev.Call.Kind == CallUpdate {
		for _, u := range ev.Call.Updates {
			if k, _ := keyOf(u.ID); n.has(k) || u.ClientDescription == stoppedEarly {
				n.pending.giveBack(k, u)
			}
		}
		n.updateWait = backoff(n.updateWait)
		n.sendAt = now.Add(n.jitter(n.updateWait))
		if nl.CodeOf(ev.Err) == nl.CodeConflict {
			n.contactAt = now // the servers hold the node for gone
		}
	} else {
		n.pause = backoff(n.pause)
		n.contactAt = now.Add(n.jitter(n.pause))
	}
	if gone && n.known {
		// The servers have lost the node, or removed it.
		n.known, n.contactAt = false, now.Add(n.jitter(retryMin))
	}
}

func backoff(last time.Duration) time.Duration { return min(max(2*last, retryMin), retryMax) }

func (n *Node) jitter(d time.Duration) time.Duration {
	return d + time.Duration(n.cfg.Random()*float64(retryMin))
}

// changes takes a message of the stream. True asks for a new stream: the
// message refers to a job that is not known any more, or begins with an old state.
func (n *Node) changes(now time.Time, m *query.NodeAllocChanges) (reopen bool) {
	if m.Reset && m.Index < n.seen {
		return true // the server has not caught up
	}
	n.seen = max(n.seen, m.Index)
	for _, told := range m.Jobs {
		number, err := n.cfg.Jobs.learn(told)
		if err != nil {
			return true
		}
		at, found := slices.BinarySearch(n.jobs, number)
		if found {
			n.cfg.Jobs.forget([]uint32{number})
			continue
		}
		n.jobs = slices.Insert(n.jobs, at, number)
	}
	known := func(id string) (assign.Known, bool) {
		k, _ := keyOf(id)
		modified, found := n.modified(k)
		return assign.Known{ModifyIndex: modified}, found
	}
	d := assign.Compare(known, n.ids(), m)
	for _, a := range d.Start {
		h, ok := n.keep(a)
		if !ok {
			// Servers send no such thing; the next stream may be right.
			return true
		}
		own := newAllocation(h, now, &n.cfg)
		n.allocs[own.key] = own
		n.touch(own)
	}
	for _, a := range d.Update {
		h, ok := n.keep(a)
		if !ok {
			return true
		}
		own := n.find(h.key)
		own.update(now, h)
		n.touch(own)
	}
	for _, id := range d.Remove {
		n.remove(id)
	}
	for _, a := range d.Over {
		k, ok := keyOf(a.ID)
		if !ok {
			return true
		}
		n.pending.put(k, &nl.AllocUpdate{ID: a.ID, ClientStatus: nl.AllocClientComplete, ClientDescription: stoppedEarly})
		n.sendAt = earliest(n.sendAt, now)
	}
	for _, a := range m.Allocs {
		if !m.Reset && a.ClientStatus != nl.AllocClientUnknown {
			continue
		}
		// What the servers may have missed while they were away, or do not believe
		// any more, is told again.
		k, _ := keyOf(a.ID)
		if told := n.told(k); told != "" && told != a.ClientStatus {
			own := n.find(k)
			if own.reportedRunning() {
				n.running--
			}
			own.repeat()
			n.touch(own)
		}
	}
	n.forgetJobs()
	return false
}

// ids are the IDs of all allocations.
func (n *Node) ids() iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range n.allocs {
			if !yield(k.String()) {
				return
			}
		}
		for k := range n.atRest() {
			if !yield(k.String()) {
				return
			}
		}
	}
}

// remove forgets an allocation.
func (n *Node) remove(id string) {
	k, _ := keyOf(id)
	n.pending.drop(k)
	if n.told(k) == nl.AllocClientRunning {
		n.running--
	}
	if a := n.allocs[k]; a != nil {
		a.gone = true
	}
	delete(n.allocs, k)
	delete(n.resting, k)
}

// restarted goes on with what is on disk.
func (n *Node) restarted(now time.Time) {
	n.known, n.following, n.contacting, n.updating = false, false, false, false
	n.contactAt, n.pause, n.updateWait, n.sendAt = now, 0, 0, time.Time{}
	n.pending = nil
	n.rouse()
	for _, k := range slices.SortedFunc(maps.Keys(n.allocs), compareKeys) {
		a := n.allocs[k]
		a.restarted(now)
		n.touch(a)
	}
	n.running = 0 // all of it is told again
}

// PowerOff ends every process on the node. The agent must be down.
func (n *Node) PowerOff() {
	n.rouse()
	for _, a := range n.allocs {
		a.powerOff()
	}
}

// Runs tells which allocations have a process on the node.
func (n *Node) Runs() map[string]bool {
	out := map[string]bool{}
	for _, a := range n.allocs {
		if a.live() {
			out[a.id] = true
		}
	}
	for k, r := range n.atRest() {
		if g, _ := n.cfg.Jobs.woken(r.job, r.group, r.deployment); g.first.live() {
			out[k.String()] = true
		}
	}
	return out
}

// keep takes of an allocation what is needed; false when its ID is none, or its
// job is not known or lacks its group.
func (n *Node) keep(a *nl.Alloc) (held, bool) {
	k, ok := keyOf(a.ID)
	if !ok {
		return held{}, false
	}
	g := n.cfg.Jobs.group(JobKey{a.Namespace, a.JobID, a.JobVersion}, n.jobs, a.TaskGroup)
	if g == nil {
		return held{}, false
	}
	return keep(k, a, g), true
}

// forgetJobs drops jobs that no allocation needs, once there are many.
func (n *Node) forgetJobs() {
	if len(n.jobs) <= len(n.allocs)+len(n.resting)+jobsSpare {
		return
	}
	used := map[uint32]bool{}
	for _, a := range n.allocs {
		used[a.group.number] = true
	}
	for _, r := range n.atRest() {
		used[r.job] = true
	}
	var unused []uint32
	n.jobs = slices.DeleteFunc(n.jobs, func(number uint32) bool {
		if !used[number] {
			unused = append(unused, number)
		}
		return !used[number]
	})
	n.cfg.Jobs.forget(unused)
}

// collect queues what is new about allocations.
func (n *Node) collect(now time.Time) {
	for i, a := range n.touched {
		n.touched[i], a.touched = nil, false
		if a.gone {
			continue
		}
		if a.dirty {
			n.tell(now, a)
		}
		a.park(now)
		n.rest(a)
	}
	n.touched = n.touched[:0]
}

// tell queues what is new about an allocation.
func (n *Node) tell(now time.Time, a *allocation) {
	ran := a.reportedRunning()
	u, urgent := a.report()
	if u == nil {
		return
	}
	switch runs := a.reportedRunning(); {
	case runs && !ran:
		n.running++
	case ran && !runs:
		n.running--
	}
	n.pending.put(a.key, u)
	at := now
	if !urgent {
		at = now.Add(lazyDelay)
	}
	if n.updateWait == 0 {
		n.sendAt = earliest(n.sendAt, at)
	}
}

// calls picks the calls to make now.
func (n *Node) calls(now time.Time) (out []Call) {
	if !n.contacting && !n.contactAt.IsZero() && !now.Before(n.contactAt) {
		n.contacting, n.contacted = true, now
		kind := CallRegister
		if n.known {
			kind = CallHeartbeat
		}
		out = append(out, Call{Kind: kind})
	}
	if !n.updating && n.known && len(n.pending) > 0 && !now.Before(n.sendAt) {
		n.updating = true
		out = append(out, Call{Kind: CallUpdate, Updates: n.take(now)})
	}
	return out
}

// take removes a batch from what is pending.
func (n *Node) take(now time.Time) []*nl.AllocUpdate {
	out := n.pending.take(updatesMax)
	n.sendAt = time.Time{}
	if len(n.pending) > 0 {
		n.sendAt = now
	}
	return out
}

// wake is when something is due. What waits for the call under way needs no
// timer: its answer is an event.
func (n *Node) wake() time.Time {
	at := n.first().time()
	if !n.contacting {
		at = earliest(at, n.contactAt)
	}
	if !n.updating && n.known && len(n.pending) > 0 {
		at = earliest(at, n.sendAt)
	}
	return at
}
