package applier

import (
	"context"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

// takenOutMessage is the event of a node whose part of plans was rejected too
// often.
const takenOutMessage = "Node marked as ineligible for scheduling due to multiple plan rejections"

// Entry is what will become one entry of the log, with those who wait for it.
type Entry struct {
	parts []*part
	own   *flight
	ahead []*flight // what was on its way when this was verified
}

// part is one plan of an entry.
type part struct {
	from     *submission
	delta    *op.PlanDelta // nil: nothing is left of it
	partial  bool          // something is left out
	rejected []string      // nodes that have no room for their part
}

// verify decides what of a batch fits. It counts against every plan what the
// plans before it in the batch change and what is on its way into the log.
func (a *Applier) verify(batch []*submission) *Entry {
	start := a.cfg.Now()
	e := &Entry{own: &flight{}}
	var s *store.Snapshot
	var ahead []*verify.Ahead
	for _, from := range batch {
		if !changesAllocs(from.plan) {
			e.parts = append(e.parts, &part{from: from, delta: store.PlanDelta(from.plan, start.UnixNano())})
			continue
		}
		if s == nil {
			s, e.ahead = a.newest()
			ahead = append(ahead, &e.own.held)
			for _, f := range e.ahead {
				ahead = append(ahead, &f.held)
			}
		}
		p := a.verifyPlan(s, ahead, from, start.UnixNano())
		if p.delta != nil {
			e.own.held.Add(p.delta)
		}
		e.parts = append(e.parts, p)
	}
	a.mu.Lock()
	a.flights = append(a.flights, e.own)
	a.mu.Unlock()
	a.cfg.Observe("plan.evaluate", a.cfg.Now().Sub(start))
	return e
}

func (a *Applier) verifyPlan(s *store.Snapshot, ahead []*verify.Ahead, from *submission, now int64) *part {
	accepted, rejected := a.cfg.Verify(s, ahead, from.plan)
	p := &part{from: from, partial: accepted != from.plan, rejected: rejected}
	if p.partial {
		a.reject(rejected)
		if accepted != nil {
			// The evaluation is not finished: its worker goes on with the rest.
			left := *accepted
			left.Evals = verify.Followups(accepted)
			accepted = &left
		}
	}
	if accepted != nil && (changesAllocs(accepted) || len(accepted.Evals) > 0) {
		p.delta = store.PlanDelta(accepted, now)
	}
	return p
}

// newest is the newest state and what is on its way into it.
func (a *Applier) newest() (*store.Snapshot, []*flight) {
	a.mu.Lock()
	ahead := slices.Clone(a.flights)
	a.mu.Unlock()
	// Taken after the flights: one that lands in between is found in both, and
	// counted once.
	return a.cfg.Store.Snapshot(), ahead
}

// changesAllocs tells whether p touches anything but evaluations.
func changesAllocs(p *nl.Plan) bool {
	return len(p.Place)+len(p.Stop)+len(p.Preempt)+len(p.DeploymentUpdates) > 0 || p.Deployment != nil
}

// Commit proposes an entry and tells everybody what became of it. It waits for
// the log only.
func (a *Applier) Commit(ctx context.Context, e *Entry) {
	start := a.cfg.Now()
	index, err := a.propose(ctx, e.parts)
	if err != nil && len(e.parts) > 1 && ctx.Err() == nil {
		// One plan that the state refuses must not take the others with it.
		a.land(e.own)
		for _, p := range e.parts {
			i, err := a.propose(ctx, []*part{p})
			a.answer(p, e.ahead, i, err)
		}
		return
	}
	a.land(e.own)
	a.cfg.Observe("plan.apply", a.cfg.Now().Sub(start))
	for _, p := range e.parts {
		a.answer(p, e.ahead, index, err)
	}
	a.takeOut(ctx)
}

// propose puts what is left of parts into the log, as one entry. The index is
// 0 when nothing is left.
func (a *Applier) propose(ctx context.Context, parts []*part) (uint64, error) {
	var deltas []*op.PlanDelta
	var evals []*nl.Eval
	onlyEvals := true
	for _, p := range parts {
		if p.delta == nil {
			continue
		}
		deltas = append(deltas, p.delta)
		evals = append(evals, p.delta.Evals...)
		onlyEvals = onlyEvals && !changesAllocs(p.from.plan)
	}
	switch {
	case len(deltas) == 0:
		return 0, nil
	case onlyEvals:
		return a.cfg.Propose(ctx, &op.UpsertEvals{Evals: evals})
	}
	return a.cfg.Propose(ctx, &op.ApplyPlans{Plans: deltas})
}

// land ends a flight, and answers those who waited for it last.
func (a *Applier) land(f *flight) {
	var ready []func()
	a.mu.Lock()
	a.flights = slices.DeleteFunc(a.flights, func(o *flight) bool { return o == f })
	f.landed = true
	for _, w := range f.awaited {
		if w.left--; w.left == 0 {
			ready = append(ready, w.then)
		}
	}
	f.awaited = nil
	a.mu.Unlock()
	for _, then := range ready {
		then()
	}
}

// afterwards calls then once the fate of all flights is known.
func (a *Applier) afterwards(flights []*flight, then func()) {
	w := &landing{then: then}
	a.mu.Lock()
	for _, f := range flights {
		if !f.landed {
			f.awaited = append(f.awaited, w)
			w.left++
		}
	}
	left := w.left
	a.mu.Unlock()
	if left == 0 {
		then()
	}
}

// answer tells a worker what became of its plan.
func (a *Applier) answer(p *part, ahead []*flight, index uint64, err error) {
	if err != nil {
		p.from.done(nil, err)
		return
	}
	r := &nl.PlanResult{Index: index, RejectedNodes: p.rejected}
	if p.delta == nil {
		r.Index = 0
	}
	if !p.partial {
		p.from.done(r, nil)
		return
	}
	// What was in the way may itself be on its way: the worker is to see it.
	a.afterwards(ahead, func() {
		r.RefreshIndex = max(index, a.cfg.Store.Snapshot().Index())
		p.from.done(r, nil)
	})
}

// takeOut makes nodes ineligible that had too many rejections.
func (a *Applier) takeOut(ctx context.Context) {
	if a.cfg.Rejections == nil {
		return
	}
	for _, id := range a.cfg.Rejections.Take() {
		now := a.cfg.Now()
		_, err := a.cfg.Propose(ctx, &op.SetNodeEligibility{
			NodeID: id, Eligibility: nl.NodeIneligible, Time: now.UnixNano(),
			Event: &nl.NodeEvent{Message: takenOutMessage, Subsystem: "Scheduler", Timestamp: nl.Time{Time: now}},
		})
		if err != nil {
			a.cfg.Logger.Warn("node with too many plan rejections could not be made ineligible", "node", id, "error", err)
		}
	}
}

// reject counts rejections.
func (a *Applier) reject(nodes []string) {
	a.mu.Lock()
	for _, id := range nodes {
		a.rejected[id]++
	}
	a.mu.Unlock()
	if a.cfg.Rejections == nil {
		return
	}
	a.cfg.Rejections.Note(a.cfg.Now(), nodes)
}

// Rejected counts how often a part of plans was rejected, by node ID, since the
// start.
func (a *Applier) Rejected() map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.rejected)
}

// RejectionScores counts the rejections that may take nodes out, by node ID;
// nil when they are not tracked.
func (a *Applier) RejectionScores() map[string]int {
	if a.cfg.Rejections == nil {
		return nil
	}
	return a.cfg.Rejections.Scores()
}

// AttachJobs gives the allocations of a plan their jobs, which do not travel
// with them.
func AttachJobs(s *store.Snapshot, plan *nl.Plan) {
	for _, a := range plan.Place {
		if a.Job != nil {
			continue
		}
		if j := plan.Job; j != nil && j.Namespace == a.Namespace && j.ID == a.JobID && j.Version == a.JobVersion {
			a.Job = j
			continue
		}
		a.Job = s.JobVersion(a.Namespace, a.JobID, a.JobVersion)
	}
}
