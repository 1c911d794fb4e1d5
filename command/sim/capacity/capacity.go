// Package capacity answers what would happen to a cluster: it takes the state
// of a saved snapshot, adds and removes nodes, registers jobs as servers would,
// and lets everything come to rest with the real scheduler. It says what was
// placed and where, what was moved or evicted, what found no place and why, and
// how many more nodes would make it fit. `nomadlike sim plan` runs it. It never
// talks to a cluster.
package capacity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/settle"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Question is what to try on a snapshot.
type Question struct {
	Snapshot *store.Snapshot
	Made     time.Time // of the snapshot; the virtual time starts there
	Seed     uint64    // orders nodes that score alike
	Remove   []string  // selections of nodes, see Usage
	Add      []string  // descriptions of nodes, see Usage
	// Jobs to register, in this order, and counts of groups instead of their
	// own: GROUP=N of these jobs, JOB/GROUP=N of any.
	Jobs   []*nl.Job
	Counts []string
	// Fill asks how often a group (GROUP or JOB/GROUP) or a shape (cpu=N,memory=N)
	// would fit beside everything else.
	Fill []string
}

// Answer is what would happen.
type Answer struct {
	Index    uint64 // of the snapshot
	Made     time.Time
	Nodes    int // in the snapshot
	Jobs     int
	Allocs   int
	Changes  []string // of nodes, in words
	Planned  []*JobAnswer
	Others   []*JobAnswer // other jobs of which something changes
	Waiting  []*JobAnswer // that wait for room already, whatever is tried
	Folds    []*Fold
	More     []*MoreNodes `json:",omitempty"` // that would make all of it fit
	Fill     []*FillAnswer
	Unplaced int // allocations without a place that the question asked for
	Warnings []string
}

// Fits tells that everything found its place.
func (a *Answer) Fits() bool { return a.Unplaced == 0 }

// JobAnswer is what became of a job.
type JobAnswer struct {
	Namespace, ID, Type string
	New                 bool
	Groups              []*GroupAnswer
}

// GroupAnswer is what became of a group.
type GroupAnswer struct {
	Name                   string
	Want                   int // the group's count; for system jobs as many as there are nodes for it
	Before, After          int // live allocations
	Placed                 int // new ones
	Lost, Evicted, Stopped int // ones that were live: node gone, made way, replaced or not wanted
	Unplaced               int
	Where                  []Share              `json:",omitempty"` // of the new ones
	Why                    *nl.GroupExplanation `json:",omitempty"` // when something is unplaced
	EvictedBy              []string             `json:",omitempty"`
}

// Share is how many allocations are on the nodes of a kind.
type Share struct {
	Kind
	Count int
}

type groupKey struct{ namespace, job, group string }

// engine answers one question.
type engine struct {
	q       *Question
	c       *settle.Cluster
	base    *store.Snapshot
	queued  map[groupKey]int // without a place, as last decided
	already map[groupKey]int // before anything was tried
	planned []*nl.Job
	barred  []map[string]bool // by group without a place: IDs of nodes that are not for it
	answer  *Answer
}

// Ask answers a question. An error is about the question or the snapshot, never
// about a lack of room.
func Ask(q Question) (*Answer, error) {
	e := &engine{q: &q, queued: map[groupKey]int{}, answer: &Answer{
		Index: q.Snapshot.Index(), Made: q.Made.UTC(), Nodes: q.Snapshot.NodeCount(), Fill: []*FillAnswer{},
	}}
	e.c = settle.New(q.Snapshot, q.Made, q.Seed)
	e.c.OnOutcome = e.note
	// What the cluster would do anyway is not the question's doing.
	if err := e.c.Settle(); err != nil {
		return nil, fmt.Errorf("bringing the snapshot to rest: %w", err)
	}
	e.base, e.already = e.c.Snapshot(), maps.Clone(e.queued)
	for range e.base.Jobs(nl.AllNamespaces, "") {
		e.answer.Jobs++
	}
	if err := e.try(); err != nil {
		return nil, err
	}
	e.report()
	if err := e.explain(); err != nil {
		return nil, err
	}
	if err := e.moreNodes(); err != nil {
		return nil, err
	}
	return e.answer, e.fill()
}

// note remembers what a decision left without a place.
func (e *engine) note(out *sched.Outcome) {
	for group, n := range out.Eval.QueuedAllocations {
		e.queued[groupKey{out.Eval.Namespace, out.Eval.JobID, group}] = n
	}
}

// try makes the changes and lets them settle.
func (e *engine) try() error {
	if err := e.removeNodes(); err != nil {
		return err
	}
	if err := e.addNodes(); err != nil {
		return err
	}
	if err := e.register(); err != nil {
		return err
	}
	if err := e.c.Settle(); err != nil {
		return fmt.Errorf("bringing the changed state to rest: %w", err)
	}
	return nil
}

// report compares the state before and after.
func (e *engine) report() {
	after := e.c.Snapshot()
	found := map[groupKey]*GroupAnswer{}
	of := func(a *nl.Alloc) *GroupAnswer {
		k := groupKey{a.Namespace, a.JobID, a.TaskGroup}
		if found[k] == nil {
			found[k] = &GroupAnswer{Name: a.TaskGroup}
		}
		return found[k]
	}
	shares := map[*GroupAnswer]map[Kind]int{}
	for a := range e.base.Allocs(nl.AllNamespaces) {
		if !a.Terminal() {
			of(a).Before++
			e.answer.Allocs++
			e.gone(of(a), a, after)
		}
	}
	for a := range after.Allocs(nl.AllNamespaces) {
		if a.Terminal() {
			continue
		}
		g := of(a)
		g.After++
		if old := e.base.Alloc(a.ID); old != nil && !old.Terminal() {
			continue
		}
		g.Placed++
		if n := after.Node(a.NodeID); n != nil {
			if shares[g] == nil {
				shares[g] = map[Kind]int{}
			}
			shares[g][kindOf(n)]++
		}
	}
	for g, by := range shares {
		g.Where = sharesOf(by)
	}
	e.jobs(found)
	e.answer.Folds = folds(e.base, after)
}

// gone notes what became of an allocation that was live, if it is not.
func (e *engine) gone(g *GroupAnswer, a *nl.Alloc, after *store.Snapshot) {
	now := after.Alloc(a.ID)
	switch {
	case after.Node(a.NodeID) == nil:
		g.Lost++
	case now != nil && !now.Terminal():
	case now != nil && now.DesiredStatus == nl.AllocDesiredEvict:
		g.Evicted++
		if by := after.Alloc(now.PreemptedByAllocation()); by != nil && !slices.Contains(g.EvictedBy, by.JobID) {
			g.EvictedBy = append(g.EvictedBy, by.JobID)
		}
	default:
		g.Stopped++
	}
}

// jobs sorts the groups into the jobs of the answer.
func (e *engine) jobs(found map[groupKey]*GroupAnswer) {
	after := e.c.Snapshot()
	planned := map[[2]string]bool{}
	for _, j := range e.planned {
		planned[[2]string{j.Namespace, j.ID}] = true
		e.answer.Planned = append(e.answer.Planned, e.jobAnswer(after.Job(j.Namespace, j.ID), found))
	}
	for job := range after.Jobs(nl.AllNamespaces, "") {
		if planned[[2]string{job.Namespace, job.ID}] {
			continue
		}
		j := e.jobAnswer(job, found)
		changed, waiting := false, false
		for _, g := range j.Groups {
			changed = changed || g.Placed+g.Lost+g.Evicted+g.Stopped > 0 || g.Unplaced > e.already[groupKey{job.Namespace, job.ID, g.Name}]
			waiting = waiting || g.Unplaced > 0
		}
		switch {
		case changed:
			e.answer.Others = append(e.answer.Others, j)
		case waiting:
			e.answer.Waiting = append(e.answer.Waiting, j)
		}
	}
	for _, list := range [][]*JobAnswer{e.answer.Planned, e.answer.Others} {
		for _, j := range list {
			for _, g := range j.Groups {
				g.Unplaced = max(0, g.Unplaced-e.waited(j, g))
				e.answer.Unplaced += g.Unplaced
			}
		}
	}
}

// waited is how many of a group's unplaced allocations the question is not to
// blame for: those of jobs that it does not change and that waited before.
func (e *engine) waited(j *JobAnswer, g *GroupAnswer) int {
	for _, p := range e.planned {
		if p.Namespace == j.Namespace && p.ID == j.ID {
			return 0
		}
	}
	return e.already[groupKey{j.Namespace, j.ID, g.Name}]
}

func (e *engine) jobAnswer(job *nl.Job, found map[groupKey]*GroupAnswer) *JobAnswer {
	j := &JobAnswer{Namespace: job.Namespace, ID: job.ID, Type: job.Type, New: e.q.Snapshot.Job(job.Namespace, job.ID) == nil}
	for _, group := range job.TaskGroups {
		k := groupKey{job.Namespace, job.ID, group.Name}
		g := found[k]
		if g == nil {
			g = &GroupAnswer{Name: group.Name}
		}
		g.Unplaced = e.queued[k]
		g.Want = group.Count
		if job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch {
			g.Want = g.After + g.Unplaced
		}
		j.Groups = append(j.Groups, g)
	}
	return j
}

// explain says why something found no place.
func (e *engine) explain() error {
	for _, list := range [][]*JobAnswer{e.answer.Planned, e.answer.Others} {
		for _, j := range list {
			if !slices.ContainsFunc(j.Groups, func(g *GroupAnswer) bool { return g.Unplaced > 0 }) {
				continue
			}
			s := e.c.Snapshot()
			job := s.Job(j.Namespace, j.ID)
			x, err := sched.Explain(s, e.c.Eval(job, nl.TriggerJobRegister), sched.Input{Now: e.c.Now(), NewID: e.c.NewID, Seed: e.q.Seed}, sched.Detail{Nodes: true})
			if err != nil {
				return fmt.Errorf("explaining job %s: %w", j.ID, err)
			}
			for _, g := range j.Groups {
				at := slices.IndexFunc(x.Groups, func(w *nl.GroupExplanation) bool { return w.Name == g.Name })
				if g.Unplaced > 0 && at >= 0 {
					g.Why = x.Groups[at]
					if n := g.Why.Nodes; n != nil {
						e.barred = append(e.barred, barredBy(n))
						n.All = nil // one for each node is more than people read
					}
				}
			}
		}
	}
	return nil
}

// sharesOf is the largest first.
func sharesOf(by map[Kind]int) []Share {
	out := make([]Share, 0, len(by))
	for k, n := range by {
		out = append(out, Share{k, n})
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.compare(b.Kind))
	})
	return out
}
