// Package drain decides which allocations leave draining nodes, and when a
// drain is over. It is pure: the leader's loop passes in time and state and
// proposes what it returns. The scheduler moves what is marked here.
//
// Service allocations leave as fast as their group's migrate block allows, and
// where it says start-first each stays until its replacement is healthy. Batch
// ones are left alone until the deadline; those of system jobs, and plugins that
// others may need for their volumes, go last. At the deadline everything goes.
package drain

import (
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// deadlineSlack lets nodes whose deadlines are this close be handled as one,
	// so that their jobs are evaluated once.
	deadlineSlack = 5 * time.Second
	// transitionsMax bounds the allocations marked by one entry of the log.
	transitionsMax = 4096

	statusComplete = "complete"
)

type groupKey struct{ namespace, job, group string }

// pass is one look at the state.
type pass struct {
	now      time.Time
	s        *store.Snapshot
	draining map[string]bool // IDs of all draining nodes
	marked   []mark
	groups   map[groupKey]bool
}

// mark is an allocation to be moved; with waits it stays until its replacement
// is healthy.
type mark struct {
	*nl.Alloc
	waits bool
}

// Step gives what is to be written now, and when to look again at the latest.
func Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	p := &pass{now: now, s: s, draining: map[string]bool{}, groups: map[groupKey]bool{}}
	var nodes []*nl.Node
	for n := range s.Nodes() {
		if n.DrainStrategy != nil {
			nodes = append(nodes, n)
			p.draining[n.ID] = true
		}
	}
	if len(nodes) == 0 {
		return nil, time.Time{}
	}
	var deadlines []time.Time
	for _, n := range nodes {
		if at := n.DrainStrategy.ForceDeadline.Time; !at.IsZero() && at.After(now) {
			deadlines = append(deadlines, at)
		}
	}
	for _, n := range nodes {
		if p.node(n) {
			ops = append(ops, p.completed(n))
		}
	}
	return append(p.transitions(newID), ops...), earliest(deadlines)
}

func earliest(times []time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}

// forced tells whether everything must leave the node now.
func (p *pass) forced(n *nl.Node) bool {
	d := n.DrainStrategy
	if d.Deadline < 0 {
		return true
	}
	at := d.ForceDeadline.Time
	if at.IsZero() {
		return false
	}
	if !at.After(p.now) {
		return true
	}
	// Close to another one that has passed: handled with it.
	if at.Sub(p.now) > deadlineSlack {
		return false
	}
	for other := range p.s.Nodes() {
		if o := other.DrainStrategy; o != nil && !o.ForceDeadline.IsZero() && !o.ForceDeadline.After(p.now) {
			return true
		}
	}
	return false
}

// node looks at one draining node and tells whether nothing runs there that
// the drain is about.
func (p *pass) node(n *nl.Node) bool {
	forced := p.forced(n)
	var work, last []*nl.Alloc
	for a := range p.s.AllocsByNode(n.ID) {
		switch {
		case a.TerminalClient():
		case goesLast(a):
			if !n.DrainStrategy.IgnoreSystemJobs {
				last = append(last, a)
			}
		default:
			work = append(work, a)
		}
	}
	for _, a := range work {
		switch {
		case forced:
			p.mark(a, false)
		case a.Job == nil || a.Job.Type == nl.JobTypeService:
			p.group(a)
		}
	}
	if forced || len(work) == 0 {
		for _, a := range last {
			p.mark(a, false)
		}
	}
	return len(work)+len(last) == 0
}

// goesLast tells whether others on the node may need the allocation to the end.
func goesLast(a *nl.Alloc) bool {
	if a.Job == nil {
		return false
	}
	if a.Job.Type == nl.JobTypeSystem {
		return true
	}
	g := a.Job.Group(a.TaskGroup)
	return g != nil && slices.ContainsFunc(g.Tasks, func(t *nl.Task) bool { return t.CSIPluginConfig != nil })
}

// group marks as many allocations of a's group as may leave, on any draining
// node, once per pass.
func (p *pass) group(a *nl.Alloc) {
	k := groupKey{a.Namespace, a.JobID, a.TaskGroup}
	if p.groups[k] {
		return
	}
	p.groups[k] = true
	var leaving []*nl.Alloc
	healthy, waiting := 0, 0
	for o := range p.s.AllocsByJob(a.Namespace, a.JobID) {
		if o.TaskGroup != a.TaskGroup || o.Terminal() {
			continue
		}
		if o.DesiredTransition().Migrates() {
			if o.DesiredTransition().Waits() {
				waiting++
			}
			continue
		}
		if o.Healthy() && counts(o) {
			healthy++
		}
		if p.draining[o.NodeID] {
			leaving = append(leaving, o)
		}
	}
	spare, waits := len(leaving), false
	job := p.s.Job(a.Namespace, a.JobID)
	if job != nil && !job.Stop {
		if g := job.Group(a.TaskGroup); g != nil {
			if waits = g.StartFirst(); waits {
				spare = maxParallel(g) - waiting
			} else {
				spare = healthy - (g.Count - maxParallel(g))
			}
		}
	}
	for _, o := range leaving {
		switch {
		case !counts(o):
			p.mark(o, waits)
		case spare > 0:
			p.mark(o, waits)
			spare--
		}
	}
}

// counts tells whether the group is one less without the allocation: canaries
// come on top, and what is not heard of may be gone.
func counts(a *nl.Alloc) bool {
	canary := a.DeploymentStatus != nil && a.DeploymentStatus.Canary
	return !canary && a.ClientStatus != nl.AllocClientUnknown
}

func maxParallel(g *nl.Group) int {
	if g.Migrate == nil || g.Migrate.MaxParallel < 1 {
		return 1
	}
	return g.Migrate.MaxParallel
}

// mark notes an allocation unless it is moving already as it should.
func (p *pass) mark(a *nl.Alloc, waits bool) {
	d := a.DesiredTransition()
	if !a.Terminal() && (!d.Migrates() || d.Waits() && !waits) {
		p.marked = append(p.marked, mark{a, waits})
	}
}

// transitions are the ops that mark allocations, each with one evaluation for
// every job concerned.
func (p *pass) transitions(newID func() string) []op.Op {
	var ops []op.Op
	for len(p.marked) > 0 {
		batch := p.marked[:min(transitionsMax, len(p.marked))]
		p.marked = p.marked[len(batch):]
		o := &op.TransitionAllocs{Transitions: map[string]*nl.DesiredTransition{}, Time: p.now.UnixNano()}
		jobs := map[groupKey]bool{}
		for _, a := range batch {
			t := &nl.DesiredTransition{Migrate: nl.Yes}
			if a.waits || a.DesiredTransition().Waits() {
				t.StartFirst = nl.FlagOf(a.waits)
			}
			o.Transitions[a.ID] = t
			if k := (groupKey{a.Namespace, a.JobID, ""}); !jobs[k] && a.Job != nil {
				jobs[k] = true
				o.Evals = append(o.Evals, p.eval(a.Alloc, newID()))
			}
		}
		ops = append(ops, o)
	}
	return ops
}

func (p *pass) eval(a *nl.Alloc, id string) *nl.Eval {
	e := &nl.Eval{
		ID: id, Namespace: a.Namespace, JobID: a.JobID, Priority: a.Job.Priority, Type: a.Job.Type,
		TriggeredBy: nl.TriggerNodeDrain, NodeID: a.NodeID, Status: nl.EvalStatusPending,
		CreateTime: p.now.UnixNano(), ModifyTime: p.now.UnixNano(),
	}
	if job := p.s.Job(a.Namespace, a.JobID); job != nil {
		e.JobModifyIndex = job.ModifyIndex
	}
	return e
}

// completed ends the drain of a node; the node stays ineligible.
func (p *pass) completed(n *nl.Node) op.Op {
	now := p.now
	last := nl.DrainMetadata{}
	if n.LastDrain != nil {
		last = *n.LastDrain
	}
	last.UpdatedAt, last.Status = nl.Time{Time: now.Truncate(time.Second)}, statusComplete
	if last.StartedAt.IsZero() {
		last.StartedAt = n.DrainStrategy.StartedAt
	}
	event := &nl.NodeEvent{Message: "Node drain complete", Subsystem: "Drain", Timestamp: nl.Time{Time: now}}
	if at := n.DrainStrategy.ForceDeadline.Time; n.DrainStrategy.Deadline < 0 || !at.IsZero() && !at.After(now) {
		event.Details = map[string]string{"deadline_reached": "true"}
	}
	return &op.SetNodeDrain{NodeID: n.ID, LastDrain: &last, Event: event, Over: p.s.Index(), Time: now.UnixNano()}
}
