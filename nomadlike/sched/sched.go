package sched

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Attempts are how often a worker may schedule one evaluation whose plans keep
// being rejected in part, counted anew after progress.
const (
	ServiceAttempts  = 5
	BatchAttempts    = 2
	SystemAttempts   = 5
	SysBatchAttempts = 2
)

// Status descriptions of evaluations, which users see.
const (
	descBlocked     = "created to place remaining allocations"
	descConflicts   = "created due to placement conflicts"
	descMaxAttempts = "maximum attempts reached (%d)"
	descOutlived    = "cancelled because the job was purged and registered again"
)

// Input is what Schedule needs beside state.
type Input struct {
	Now   time.Time
	NewID func() string
	// Seed orders nodes that score alike; other seeds give other orders.
	Seed uint64
	// Refused are nodes for which others were faster than this evaluation's last
	// plan, and those that others are about to use. Service and batch work is
	// placed there only if it has no place elsewhere, lest it loses the race for
	// the best node again.
	Refused []string
	// Annotate is for dry runs: the caller wants Plan.Annotations. They are made
	// for every plan, since processed evaluations show them.
	Annotate bool
	// Elapsed tells how long the evaluation has taken so far, for the metrics;
	// nil when nobody measures.
	Elapsed func() time.Duration
}

// Outcome is what one evaluation comes to.
type Outcome struct {
	// Plan is everything to commit. Its evaluations are the processed one in its
	// final form and all that follow from it.
	Plan *nl.Plan
	// Eval is the processed evaluation in its final form.
	Eval *nl.Eval
}

// Attempts is how often an evaluation of the type may be scheduled.
func Attempts(evalType string) int {
	switch evalType {
	case nl.JobTypeBatch:
		return BatchAttempts
	case nl.JobTypeSysBatch:
		return SysBatchAttempts
	case nl.JobTypeSystem:
		return SystemAttempts
	}
	return ServiceAttempts
}

// Schedule decides an evaluation on a snapshot.
func Schedule(s *store.Snapshot, e *nl.Eval, in Input) (*Outcome, error) {
	out, err := newRun(s, e, in).decide()
	if err == nil && len(in.Refused) > 0 && len(out.Eval.FailedTGAllocs) > 0 {
		in.Refused = nil
		return newRun(s, e, in).decide()
	}
	return out, err
}

func (r *run) decide() (*Outcome, error) {
	if r.outlived() {
		done := r.eval.Copy()
		done.Status, done.StatusDescription = nl.EvalStatusCancelled, descOutlived
		done.ModifyTime, done.SnapshotIndex = r.in.Now.UnixNano(), r.snapshot.Index()
		r.plan.Evals = []*nl.Eval{done}
		return &Outcome{Plan: r.plan, Eval: done}, nil
	}
	switch e := r.eval; e.Type {
	case nl.JobTypeService, nl.JobTypeBatch:
		return r.generic()
	case nl.JobTypeSystem, nl.JobTypeSysBatch:
		return r.system()
	}
	return nil, fmt.Errorf("scheduling evaluation %s: no scheduler for jobs of type %q", r.eval.ID, r.eval.Type)
}

// Exhausted is what to write for an evaluation whose plans were rejected in
// part as often as it may be scheduled: the evaluation has failed, and another
// one is blocked until things change.
func Exhausted(e *nl.Eval, in Input, attempts int) []*nl.Eval {
	now := in.Now.UnixNano()
	done := e.Copy()
	done.ModifyTime = now
	if e.Status == nl.EvalStatusBlocked || e.TriggeredBy == nl.TriggerMaxPlans {
		done.Status, done.TriggeredBy = nl.EvalStatusBlocked, nl.TriggerMaxPlans
		done.StatusDescription = descConflicts
		return []*nl.Eval{done}
	}
	blocked := &nl.Eval{
		ID: in.NewID(), Namespace: e.Namespace, Priority: e.Priority, Type: e.Type,
		TriggeredBy: nl.TriggerMaxPlans, JobID: e.JobID, JobModifyIndex: e.JobModifyIndex,
		Status: nl.EvalStatusBlocked, StatusDescription: descConflicts,
		PreviousEval: e.ID, EscapedComputedClass: true, SnapshotIndex: e.SnapshotIndex,
		CreateTime: now, ModifyTime: now,
	}
	done.Status = nl.EvalStatusFailed
	done.StatusDescription = fmt.Sprintf(descMaxAttempts, attempts)
	done.BlockedEval = blocked.ID
	return []*nl.Eval{done, blocked}
}
