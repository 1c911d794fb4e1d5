// Package settle brings a state to rest: it takes the decisions that servers
// would take (evaluations, verification of plans, deployments, drains) one
// after the other, in memory and in virtual time, and plays nodes on which
// everything starts and stays healthy. The packing harness and the planning of
// capacity stand on it. It opens no socket or file, and given the same state,
// writes and seed it ends in the same state.
package settle

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/rollout"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
	"github.com/nomadlike/nomadlike/server/broker"
	"github.com/nomadlike/nomadlike/server/broker/blocked"
)

// Cluster is a state with what servers keep beside it. Use it from one
// goroutine.
type Cluster struct {
	// OnOutcome is told every decision of the scheduler; may be nil.
	OnOutcome func(*sched.Outcome)

	s       *store.Snapshot
	now     time.Time
	seed    uint64
	ids     *rand.ChaCha8
	pending queue
	later   queue // evaluations that wait for a time
	blocked *blocked.Tracker
	rollout *rollout.Watcher
	// moved are allocations that servers placed or stopped and nodes have not
	// reported on.
	moved []string
}

// New takes a state over at a time. Every evaluation in it that has not ended
// is looked at once more, the blocked ones too: what they wait for may be there
// already. Those of system jobs are not, since each waits for its own node.
func New(s *store.Snapshot, now time.Time, seed uint64) *Cluster {
	c := &Cluster{
		s: s, now: now, seed: seed, ids: rand.NewChaCha8(chaChaSeed(seed)),
		blocked: blocked.New(), rollout: rollout.New(),
	}
	for e := range s.Evals(nl.AllNamespaces) {
		switch {
		case e.Status == nl.EvalStatusBlocked && (e.Type == nl.JobTypeSystem || e.Type == nl.JobTypeSysBatch):
			c.feed(e)
		case !e.Terminal():
			c.enqueue(e)
		}
	}
	for a := range s.Allocs(nl.AllNamespaces) {
		if unreported(a) {
			c.moved = append(c.moved, a.ID)
		}
	}
	return c
}

func chaChaSeed(seed uint64) (out [32]byte) {
	for i := range 8 {
		out[i] = byte(seed >> (8 * i))
	}
	return out
}

// Fork is a cluster of its own in the same state, for trying something.
func (c *Cluster) Fork() *Cluster {
	f := New(c.s, c.now, c.seed+1)
	f.OnOutcome = c.OnOutcome
	return f
}

// Snapshot is the state as it is now.
func (c *Cluster) Snapshot() *store.Snapshot { return c.s }

// Now is the virtual time.
func (c *Cluster) Now() time.Time { return c.now }

// NewID makes an ID, each only once.
func (c *Cluster) NewID() string { return nl.NewID(c.ids) }

// Eval is a new evaluation of a job.
func (c *Cluster) Eval(job *nl.Job, trigger string) *nl.Eval {
	now := c.now.UnixNano()
	return &nl.Eval{
		ID: c.NewID(), Namespace: job.Namespace, Priority: job.Priority, Type: job.Type,
		TriggeredBy: trigger, JobID: job.ID, JobModifyIndex: job.JobModifyIndex,
		Status: nl.EvalStatusPending, CreateTime: now, ModifyTime: now,
	}
}

// Do applies a write and notes what follows from it. Nothing is scheduled yet.
func (c *Cluster) Do(o op.Op) (result any, err error) {
	next, changes, result, err := store.Apply(c.s, c.s.Index()+1, o)
	if err != nil {
		return nil, fmt.Errorf("applying %T: %w", o, err)
	}
	c.s = next
	for i := range changes {
		switch changes[i].Table {
		case store.TableEvals:
			if e, _ := changes[i].After.(*nl.Eval); e != nil {
				c.feed(e)
			} else if old, _ := changes[i].Before.(*nl.Eval); old != nil {
				c.blocked.Remove(old.ID)
			}
		case store.TableAllocs:
			if a, _ := changes[i].After.(*nl.Alloc); a != nil && unreported(a) {
				c.moved = append(c.moved, a.ID)
			}
		}
	}
	if room := broker.RoomMade(next.Index(), next, changes); !room.Empty() {
		for _, e := range c.blocked.Release(c.now, room) {
			c.enqueue(e)
		}
	}
	return result, nil
}

func (c *Cluster) feed(e *nl.Eval) {
	switch {
	case e.Status == nl.EvalStatusPending:
		c.enqueue(e)
	case e.Status == nl.EvalStatusBlocked:
		if !c.blocked.Block(c.now, e) {
			c.enqueue(e)
		}
	default:
		c.blocked.Remove(e.ID)
	}
}

func (c *Cluster) enqueue(e *nl.Eval) {
	c.blocked.Remove(e.ID)
	if e.WaitUntil.After(c.now) {
		heap.Push(&c.later, entry{e, e.WaitUntil.UnixNano()})
		return
	}
	heap.Push(&c.pending, entry{e, -int64(e.Priority)})
}

// Evaluate works until no evaluation is pending.
func (c *Cluster) Evaluate() error {
	for len(c.pending) > 0 {
		e := c.s.Eval(heap.Pop(&c.pending).(entry).eval.ID)
		if e == nil || e.Terminal() {
			continue
		}
		if err := c.evaluate(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) evaluate(e *nl.Eval) error {
	out, err := sched.Schedule(c.s, e, sched.Input{Now: c.now, NewID: c.NewID, Seed: c.seed ^ c.s.Index()<<1})
	if err != nil {
		return fmt.Errorf("scheduling job %s of namespace %s: %w", e.JobID, e.Namespace, err)
	}
	if accepted, rejected := verify.Plan(c.s, nil, out.Plan); accepted != out.Plan {
		return fmt.Errorf("plan for job %s of namespace %s: %d of %d placements are left on the state it was made on, rejected by nodes %v; this is a fault of the scheduler",
			e.JobID, e.Namespace, len(accepted.Place), len(out.Plan.Place), rejected)
	}
	if _, err := c.Do(&op.ApplyPlans{Plans: []*op.PlanDelta{store.PlanDelta(out.Plan, c.now.UnixNano())}}); err != nil {
		return err
	}
	if c.OnOutcome != nil {
		c.OnOutcome(out)
	}
	return c.supersede(e)
}

// supersede ends the other pending evaluations of a job: the one that was just
// decided looked at everything they ask for.
func (c *Cluster) supersede(done *nl.Eval) error {
	var ended []*nl.Eval
	for e := range c.s.EvalsByJob(done.Namespace, done.JobID) {
		if e.ID == done.ID || e.Status != nl.EvalStatusPending || e.CreateIndex >= c.s.Index() || e.WaitUntil.After(c.now) {
			continue
		}
		over := e.Copy()
		over.Status, over.StatusDescription = nl.EvalStatusCancelled, "canceled because a newer evaluation looked at the job"
		ended = append(ended, over)
	}
	if len(ended) == 0 {
		return nil
	}
	_, err := c.Do(&op.UpsertEvals{Evals: ended})
	return err
}

// entry is an evaluation in a queue, the lowest rank first.
type entry struct {
	eval *nl.Eval
	rank int64
}

type queue []entry

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case a.rank != b.rank:
		return a.rank < b.rank
	case a.eval.CreateIndex != b.eval.CreateIndex:
		return a.eval.CreateIndex < b.eval.CreateIndex
	}
	return a.eval.ID < b.eval.ID
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(entry)) }

func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
