// Package rebalance decides which allocations move to nodes that suit them
// better than the ones they are on. It is pure: the leader's loop passes in time
// and state and proposes what it returns; the scheduler moves what is marked
// here, to the node that its own scoring chose here already.
//
// Only groups that ask for it are touched. Their allocations are looked at from
// time to time, and when nodes have joined. A look goes on, one move after the
// other, until no move gains enough.
//
// That comes to an end: a move is made only when the new node scores higher by
// min_gain with everything else in its place, no second move is decided before
// the first one is placed, and what has moved stays for a while. It never costs
// a group more than it allows: allocations move max_parallel at a time, only
// while all others are healthy, and not while anything else is going on with
// their job.
package rebalance

import (
	"math"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// coolDown is how long an allocation stays where it was placed: long enough
	// that a move pays for its cost and that no load swings back and forth.
	coolDown = 10 * time.Minute
	// joinQuiet is how long no node may have joined before joined nodes are used:
	// nodes come in batches.
	joinQuiet = 30 * time.Second
	// joinWait is how long the first of them waits at most, when others keep
	// coming.
	joinWait = 5 * time.Minute
	// movesMax bounds the moves of the whole cluster within movesPer, so that
	// other work of the scheduler and of registries is not drowned.
	movesMax = 30
	movesPer = time.Minute
)

// Balancer remembers when groups were looked at and which nodes were there. One
// that starts empty, on a new leader, looks at every group an interval later.
type Balancer struct {
	groups map[groupKey]*look
	nodes  map[string]bool // that were ready the last time
	moved  []time.Time     // within movesPer
	eval   string          // that places the last move

	firstJoin, lastJoin time.Time // of nodes that were not used yet; zero: none
}

type groupKey struct{ namespace, job, group string }

// look is what is known of a group.
type look struct {
	next time.Time // when all of it is looked at again
	open bool      // a look has begun and may find more
	// after is when an open look goes on; zero: at any change.
	after time.Time
}

// New makes a balancer without memory.
func New() *Balancer { return &Balancer{groups: map[groupKey]*look{}} }

// Opted tells whether allocations of the group may be moved.
func Opted(job *nl.Job, g *nl.Group) bool {
	if g == nil || g.Rebalance == nil || !g.Rebalance.Enabled || job.Stop || job.IsPeriodic() || job.IsParameterized() {
		return false
	}
	if d := g.EphemeralDisk; d != nil && (d.Sticky || d.Migrate) {
		return false
	}
	return job.Type == nl.JobTypeService || job.Type == nl.JobTypeBatch
}

// Step gives what is to be written now, and when to look again at the latest.
func (b *Balancer) Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	groups := b.opted(s)
	if len(groups) == 0 {
		b.nodes, b.groups = nil, map[groupKey]*look{}
		return nil, time.Time{}
	}
	joined, wake := b.join(now, s)
	for _, g := range groups {
		wake = sooner(wake, b.schedule(now, g, joined))
	}
	if e := s.Eval(b.eval); e != nil && e.Status == nl.EvalStatusPending {
		return nil, wake
	}
	if free := b.budget(now); !free.IsZero() {
		return nil, sooner(wake, free)
	}
	for _, g := range groups {
		l := b.groups[g.key]
		if !l.open || l.after.After(now) {
			continue
		}
		l.after = time.Time{}
		p := &pass{now: now, s: s, group: g, newID: newID}
		if o := p.step(l); o != nil {
			b.eval = o.Evals[0].ID
			b.moved = append(b.moved, now)
			return []op.Op{o}, wake
		}
		wake = sooner(wake, l.after)
	}
	return nil, wake
}

// group is a group that asked for it.
type group struct {
	key groupKey
	job *nl.Job
	*nl.Group
}

// opted are the groups to look after, in order, and forgets all others.
func (b *Balancer) opted(s *store.Snapshot) []*group {
	var out []*group
	known := map[groupKey]*look{}
	for job := range s.Jobs(nl.AllNamespaces, "") {
		for _, g := range job.TaskGroups {
			if Opted(job, g) && g.Count > 0 {
				key := groupKey{job.Namespace, job.ID, g.Name}
				known[key] = b.groups[key]
				out = append(out, &group{key: key, job: job, Group: g})
			}
		}
	}
	b.groups = known
	return out
}

// join notes nodes that have become ready and tells whether they are to be used
// now, or when.
func (b *Balancer) join(now time.Time, s *store.Snapshot) (use bool, wake time.Time) {
	ready := map[string]bool{}
	for n := range s.Nodes() {
		if !n.Ready() {
			continue
		}
		ready[n.ID] = true
		if b.nodes != nil && !b.nodes[n.ID] {
			b.lastJoin = now
			if b.firstJoin.IsZero() {
				b.firstJoin = now
			}
		}
	}
	b.nodes = ready
	if b.firstJoin.IsZero() {
		return false, time.Time{}
	}
	at := sooner(b.lastJoin.Add(joinQuiet), b.firstJoin.Add(joinWait))
	if at.After(now) {
		return false, at
	}
	b.firstJoin, b.lastJoin = time.Time{}, time.Time{}
	return true, time.Time{}
}

// schedule begins a look when it is time for one, and tells when the next is.
func (b *Balancer) schedule(now time.Time, g *group, joined bool) time.Time {
	interval := g.Rebalance.Interval
	l := b.groups[g.key]
	if l == nil {
		l = &look{next: now.Add(interval)}
		b.groups[g.key] = l
	}
	due := !l.next.After(now)
	if due || joined && g.Rebalance.OnNodeJoin {
		l.open, l.after = true, time.Time{}
	}
	if due {
		l.next = now.Add(interval)
	}
	l.next = sooner(l.next, now.Add(interval)) // it may have been shortened
	return l.next
}

// budget is when the next move is allowed, zero: now.
func (b *Balancer) budget(now time.Time) time.Time {
	b.moved = slices.DeleteFunc(b.moved, func(t time.Time) bool { return !t.Add(movesPer).After(now) })
	if len(b.moved) < movesMax {
		return time.Time{}
	}
	return b.moved[0].Add(movesPer)
}

// pass is one step of the look at a group.
type pass struct {
	*group
	now   time.Time
	s     *store.Snapshot
	newID func() string
}

// step finds the next move. Without one the look is over, goes on later, or
// goes on when something has changed.
func (p *pass) step(l *look) *op.TransitionAllocs {
	if p.busy() {
		return nil
	}
	candidates, spare := p.allocs()
	if spare <= 0 {
		return nil
	}
	moves, err := sched.Moves(p.s, p.job, p.Group, candidates, p.StartFirst(), p.mayLeave, sched.Input{Now: p.now, NewID: p.newID})
	if err != nil { // the job cannot be scheduled at all, which its evaluations tell
		l.open = false
		return nil
	}
	best := p.best(moves, l)
	if best == nil {
		l.open = !l.after.IsZero()
		return nil
	}
	return p.move(best)
}

// busy tells whether something else is going on with the job, or it lacks
// something.
func (p *pass) busy() bool {
	if d := p.s.LatestDeployment(p.job.Namespace, p.job.ID); d != nil && d.Active() {
		return true
	}
	for e := range p.s.EvalsByJob(p.job.Namespace, p.job.ID) {
		if e.Status == nl.EvalStatusBlocked || e.Status == nl.EvalStatusPending && e.WaitUntil.IsZero() {
			return true
		}
	}
	return false
}

// allocs are the allocations that may move, and how many of them may do so now.
func (p *pass) allocs() (candidates []*nl.Alloc, spare int) {
	healthy, moving := 0, 0
	for a := range p.s.AllocsByJob(p.job.Namespace, p.job.ID) {
		switch {
		case a.TaskGroup != p.Name || a.Terminal():
			continue
		case a.DesiredTransition().Migrates():
			moving++
			continue
		case !p.well(a):
			continue
		}
		healthy++
		n := p.s.Node(a.NodeID)
		if n != nil && n.Ready() && a.JobVersion == p.job.Version {
			candidates = append(candidates, a)
		}
	}
	spare = p.Rebalance.MaxParallel - moving
	if p.StartFirst() {
		healthy += moving
	}
	return candidates, min(spare, healthy-(p.Count-p.Rebalance.MaxParallel))
}

// well tells whether the allocation does what it should. Nobody watches the
// health of batch work.
func (p *pass) well(a *nl.Alloc) bool {
	return a.ClientStatus == nl.AllocClientRunning && (a.Healthy() || p.job.Type == nl.JobTypeBatch)
}

func (p *pass) mayLeave(a *nl.Alloc) bool {
	job := p.s.Job(a.Namespace, a.JobID)
	return job != nil && Opted(job, job.Group(a.TaskGroup))
}

// best is the move that gains most, nil when none gains enough. When only moves
// of allocations that were placed lately do, the look goes on when the first of
// them may move.
func (p *pass) best(moves []sched.Move, l *look) *sched.Move {
	var best *sched.Move
	most := math.Inf(-1)
	for i := range moves {
		m := &moves[i]
		if m.Gain < p.Rebalance.MinGain {
			continue
		}
		if ripe := time.Unix(0, m.Alloc.CreateTime).Add(coolDown); ripe.After(p.now) {
			l.after = sooner(l.after, ripe)
			continue
		}
		if m.Gain > most || m.Gain == most && m.Alloc.ID < best.Alloc.ID {
			best, most = m, m.Gain
		}
	}
	if best != nil {
		l.after = time.Time{}
	}
	return best
}

// move marks the allocation for the scheduler.
func (p *pass) move(m *sched.Move) *op.TransitionAllocs {
	return &op.TransitionAllocs{
		Transitions: map[string]*nl.DesiredTransition{m.Alloc.ID: {Migrate: nl.Yes, StartFirst: nl.FlagOf(p.StartFirst())}},
		Evals: []*nl.Eval{{
			ID: p.newID(), Namespace: p.job.Namespace, JobID: p.job.ID, Priority: p.job.Priority, Type: p.job.Type,
			TriggeredBy: nl.TriggerRebalance, JobModifyIndex: p.job.ModifyIndex, Status: nl.EvalStatusPending,
			CreateTime: p.now.UnixNano(), ModifyTime: p.now.UnixNano(),
		}},
		Time: p.now.UnixNano(),
	}
}

// sooner is the earlier of two times, where zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
