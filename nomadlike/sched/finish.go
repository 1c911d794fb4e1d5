package sched

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
)

// finish brings the evaluation into its final form and adds those that follow.
func (r *run) finish(result *reconcile.Result) *Outcome {
	now := r.in.Now.UnixNano()
	done := r.eval.Copy()
	done.Status, done.StatusDescription = nl.EvalStatusComplete, ""
	done.ModifyTime = now
	done.SnapshotIndex = r.snapshot.Index()
	done.Wait, done.WaitUntil = 0, r.eval.WaitUntil
	done.BlockedEval = ""
	done.FailedTGAllocs = nil
	done.QueuedAllocations = r.queued
	if d := r.deployment(result); d != nil {
		done.DeploymentID = d.ID
	}
	if r.job != nil && r.job.Stop {
		for _, g := range r.job.TaskGroups {
			r.queued[g.Name] = 0
		}
	}
	for _, a := range r.plan.Place {
		evicted := len(a.PreemptedAllocations())
		if u := result.Updates[a.TaskGroup]; u != nil && evicted > 0 && r.placed.has(a.ID) {
			u.Preemptions += uint64(evicted)
		}
	}
	annotations := &nl.PlanAnnotations{DesiredTGUpdates: result.Updates, PreemptedAllocs: r.preemptedStubs()}
	done.PlanAnnotations = annotations
	r.plan.Annotations = annotations
	r.plan.Gangs = r.gangs()
	evals := []*nl.Eval{done}
	evals = append(evals, r.followups(result.Later)...)
	if len(r.failures) > 0 {
		done.FailedTGAllocs = r.failures
		evals = append(evals, r.block(done)...)
	}
	r.plan.Evals = append(evals, r.preemptionEvals()...)
	return &Outcome{Plan: r.plan, Eval: done}
}

// followups are those delayed evaluations that an allocation names: one that was to
// be looked at later may have been replaced after all.
func (r *run) followups(later []*nl.Eval) []*nl.Eval {
	if len(later) == 0 {
		return nil
	}
	named := map[string]bool{}
	for i := range r.plan.Stop {
		named[r.plan.Stop[i].FollowupEvalID] = true
	}
	for _, a := range r.plan.Place {
		named[a.FollowupEvalID()] = true
	}
	return slices.DeleteFunc(later, func(e *nl.Eval) bool { return !named[e.ID] })
}

// deployment is the one the evaluation worked on.
func (r *run) deployment(result *reconcile.Result) *nl.Deployment {
	if result.Current != nil {
		return result.Current
	}
	return r.snapshot.LatestDeployment(r.eval.Namespace, r.eval.JobID)
}

// block makes the evaluation wait until what failed may fit. One that was
// blocked before is blocked again under its own ID.
func (r *run) block(done *nl.Eval) []*nl.Eval {
	if r.eval.Type == nl.JobTypeSystem || r.eval.Type == nl.JobTypeSysBatch {
		return r.blockNodes(done)
	}
	if r.reblocks() {
		done.Status = nl.EvalStatusBlocked
		// It waits for room, whatever it waited for before: time brings none.
		done.TriggeredBy = nl.TriggerQueuedAllocs
		done.StatusDescription = r.blockedBecause()
		r.setEligibility(done)
		return nil
	}
	blocked := r.newBlocked()
	done.BlockedEval = blocked.ID
	return []*nl.Eval{blocked}
}

// reblocks tells that the evaluation was blocked before.
func (r *run) reblocks() bool {
	return r.eval.Status == nl.EvalStatusBlocked || r.eval.TriggeredBy == nl.TriggerQueuedAllocs
}

func (r *run) newBlocked() *nl.Eval {
	now := r.in.Now.UnixNano()
	blocked := &nl.Eval{
		ID: r.in.NewID(), Namespace: r.eval.Namespace, Priority: r.eval.Priority, Type: r.eval.Type,
		TriggeredBy: nl.TriggerQueuedAllocs, JobID: r.eval.JobID, JobModifyIndex: r.eval.JobModifyIndex,
		Status: nl.EvalStatusBlocked, StatusDescription: r.blockedBecause(), PreviousEval: r.eval.ID,
		FailedTGAllocs: r.failures, SnapshotIndex: r.snapshot.Index(),
		CreateTime: now, ModifyTime: now,
	}
	r.setEligibility(blocked)
	return blocked
}

// setEligibility notes which classes of nodes could unblock the evaluation.
func (r *run) setEligibility(e *nl.Eval) {
	e.EscapedComputedClass = false
	eligible := map[string]bool{}
	e.MissingNonNodeResources, e.AwaitedJobs = nil, nil
	e.QuotaLimitReached = ""
	for _, p := range r.sortedPlacers() {
		if p.failed == nil {
			continue
		}
		if len(p.failed.QuotaExhausted) > 0 {
			e.QuotaLimitReached = r.allowance.limits.Quota
		}
		if p.quotaAlone {
			continue
		}
		e.EscapedComputedClass = e.EscapedComputedClass || p.checks.Escapes
		p.checks.Eligible(func(class string, passes bool) { eligible[class] = eligible[class] || passes })
		e.AwaitedJobs = append(e.AwaitedJobs, p.awaited()...)
		for _, v := range p.checks.Volumes {
			if !slices.Contains(e.MissingNonNodeResources, v) {
				e.MissingNonNodeResources = append(e.MissingNonNodeResources, v)
			}
		}
	}
	slices.Sort(e.AwaitedJobs)
	e.AwaitedJobs = slices.Compact(e.AwaitedJobs)
	e.ClassEligibility = nil
	if len(eligible) > 0 && !e.EscapedComputedClass {
		e.ClassEligibility = eligible
	}
}
