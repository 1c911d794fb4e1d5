package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// PlanDelta turns a verified plan into what the log carries; now is the unix
// ns that becomes the time of everything in it. The plan is not changed. An
// allocation that comes without its job (plans of other servers do) names the
// version itself.
func PlanDelta(p *nl.Plan, now int64) *op.PlanDelta {
	return &op.PlanDelta{
		EvalID: p.EvalID, Time: now, Place: versioned(p.Place), Stop: p.Stop, Preempt: p.Preempt,
		Deployment: p.Deployment, DeploymentUpdates: p.DeploymentUpdates, Evals: p.Evals,
	}
}

// versioned is the list with the version of the job in each, which most name
// already: plans are large.
func versioned(place []*nl.Alloc) []*nl.Alloc {
	shared := true
	for i, a := range place {
		if a.Job == nil || a.JobVersion == a.Job.Version {
			continue
		}
		if shared {
			place, shared = slices.Clone(place), false
		}
		next := *a
		next.JobVersion = a.Job.Version
		place[i] = &next
	}
	return place
}

// applyPlans commits verified plans. What a plan refers to and is gone by now
// is passed over: the plan was verified on a state that may be a little older.
func (t *tx) applyPlans(o *op.ApplyPlans) {
	for _, p := range o.Plans {
		outlived := t.outlived(p)
		if p.Deployment != nil && !outlived {
			t.putPlannedDeployment(p.Deployment, p.Time)
		}
		for i := range p.DeploymentUpdates {
			t.setDeploymentStatus(&p.DeploymentUpdates[i], p.Time)
		}
		for i := range p.Stop {
			t.stopAlloc(&p.Stop[i], p.Time)
		}
		for i := range p.Preempt {
			t.preemptAlloc(&p.Preempt[i], p.Time)
		}
		for _, a := range p.Place {
			if outlived && t.Alloc(a.ID) == nil {
				continue
			}
			t.placeAlloc(a, p.Time)
		}
		t.upsertEvals(p.Evals)
	}
}

// outlived tells that the job of what a plan places was purged while the plan
// was on its way, whether or not one of that name was registered again since its
// evaluation was made: that one's own evaluation places what it wants.
func (t *tx) outlived(p *op.PlanDelta) bool {
	if len(p.Place) == 0 {
		return false
	}
	job := t.Job(p.Place[0].Namespace, p.Place[0].JobID) // all are of one job
	if job == nil {
		return true
	}
	e := t.Eval(p.EvalID)
	return e != nil && e.CreateIndex < job.CreateIndex
}

func (t *tx) stopAlloc(stop *nl.AllocStop, time int64) {
	old := t.Alloc(stop.AllocID)
	if old == nil {
		return
	}
	next := *old
	history := next.Amend()
	next.DesiredStatus = nl.AllocDesiredStop
	if stop.Desired != "" {
		next.DesiredStatus = constant(stop.Desired)
	}
	if stop.ClientStatus == nl.AllocClientUnknown {
		next.ClientDescription = stop.Description
	} else {
		history.DesiredDescription = stop.Description
	}
	// How an allocation ended is not forgotten: what the scheduler did not know
	// yet when it gave it up stands.
	if stop.ClientStatus != "" && stop.ClientStatus != old.ClientStatus && !old.TerminalClient() {
		next.ClientStatus = constant(stop.ClientStatus)
		history.AllocStates = withClientStatus(old, stop.ClientStatus, time)
	}
	if stop.FollowupEvalID != "" {
		history.FollowupEvalID = stop.FollowupEvalID
	}
	if stop.Tracker != nil {
		history.RescheduleTracker = stop.Tracker
	}
	t.putServerAlloc(old, &next, time)
}

func (t *tx) preemptAlloc(p *nl.AllocPreemption, time int64) {
	old := t.Alloc(p.AllocID)
	if old == nil {
		return
	}
	next := *old
	next.DesiredStatus = nl.AllocDesiredEvict
	history := next.Amend()
	history.DesiredDescription = "Preempted by alloc ID " + p.ByAlloc
	history.PreemptedByAllocation = p.ByAlloc
	t.putServerAlloc(old, &next, time)
}

// putServerAlloc stores a change that servers decided.
func (t *tx) putServerAlloc(old, next *nl.Alloc, time int64) {
	next.ModifyIndex, next.AllocModifyIndex, next.ModifyTime = t.index, t.index, time
	t.putAlloc(old, next)
}

// placeAlloc stores a new allocation or the rewriting of an existing one.
func (t *tx) placeAlloc(a *nl.Alloc, time int64) {
	next := *a
	old := t.enter(&next)
	if old != nil && (old.JobID != a.JobID || old.Namespace != a.Namespace) {
		t.deleteAlloc(old) // an ID that was given twice: the later one stands
		old = t.enter(&next)
	}
	t.attachJob(old, &next)
	if old != nil {
		keepClientFields(old, &next)
		t.putServerAlloc(old, &next, time)
		return
	}
	next.CreateIndex, next.CreateTime = t.index, time
	next.DesiredStatus = constant(next.DesiredStatus)
	if next.ClientStatus = constant(next.ClientStatus); next.ClientStatus == "" {
		next.ClientStatus = nl.AllocClientPending
	}
	if next.DesiredStatus == "" {
		next.DesiredStatus = nl.AllocDesiredRun
	}
	node := t.Node(next.NodeID)
	t.shareStrings(&next, node)
	t.putServerAlloc(nil, &next, time)
	t.followPlaced(&next, node, time)
	if previous := t.Alloc(next.PreviousAllocation()); previous != nil && previous.NextAllocation() != next.ID {
		replaced := *previous
		replaced.Amend().NextAllocation = next.ID
		replaced.ModifyIndex, replaced.ModifyTime = t.index, time
		t.putAlloc(previous, &replaced)
	}
}

// keepClientFields takes from the stored allocation what nodes tell of it.
func keepClientFields(old, next *nl.Alloc) {
	next.CreateIndex, next.CreateTime = old.CreateIndex, old.CreateTime
	next.TaskStates, next.NetworkStatus = old.TaskStates, old.NetworkStatus
	if old.TerminalClient() || next.ClientStatus != nl.AllocClientLost && next.ClientStatus != nl.AllocClientUnknown {
		next.ClientStatus, next.ClientDescription = old.ClientStatus, old.ClientDescription
	}
	next.ClientStatus, next.DesiredStatus = constant(next.ClientStatus), constant(next.DesiredStatus)
	if next.DeploymentID == old.DeploymentID && next.DeploymentStatus != nil && old.DeploymentStatus != nil {
		next.DeploymentStatus = old.DeploymentStatus
	}
	if len(next.AllocStates()) < len(old.AllocStates()) {
		next.Amend().AllocStates = old.AllocStates()
	}
	if next.NextAllocation() == "" && old.NextAllocation() != "" {
		next.Amend().NextAllocation = old.NextAllocation()
	}
	if next.SigningKeyID == "" {
		next.SigningKeyID = old.SigningKeyID
	}
}

// attachJob gives an allocation the job of its version: the one kept, or, when
// that version is kept no longer, the one another allocation still holds. The
// job that a plan's allocation may carry is not looked at: the log does not,
// and who reads the plan from there must come to the same.
func (t *tx) attachJob(old, next *nl.Alloc) {
	row := t.jobRow(next.Namespace, next.JobID)
	switch previous := t.Alloc(next.PreviousAllocation()); {
	case old != nil && old.Job != nil && old.JobVersion == next.JobVersion:
		next.Job = old.Job
	case row.version(next.JobVersion) != nil:
		next.Job = row.version(next.JobVersion)
	case previous != nil && previous.Job != nil && previous.JobVersion == next.JobVersion:
		next.Job = previous.Job
	default:
		next.Job = t.heldVersion(row, next.JobVersion)
		if next.Job == nil {
			next.Job = row.job
		}
	}
}

// heldVersion looks for a version among the allocations of the job.
func (s *Snapshot) heldVersion(r *jobRow, version uint64) *nl.Job {
	for a := range s.allocsOf(r.allocs.All()) {
		if a.JobVersion == version && a.Job != nil {
			return a.Job
		}
	}
	return nil
}

// shareStrings replaces strings of a new allocation that its job, its node (nil:
// there is none) and its deployment hold already by theirs.
func (t *tx) shareStrings(a *nl.Alloc, node *nl.Node) {
	shareJobStrings(a)
	if node != nil {
		a.NodeID = node.ID
		if node.Name == a.NodeName {
			a.NodeName = node.Name
		}
	} else if set, _ := t.allocsByNode.Get(a.NodeID); set != nil {
		a.NodeID = set.key
	}
	if set, _ := t.allocsByEval.Get(a.EvalID); set != nil {
		a.EvalID = set.key
	}
	if d := t.deployment[a.DeploymentID]; d != nil {
		a.DeploymentID = d.ID
	}
}

func shareJobStrings(a *nl.Alloc) {
	if a.Job == nil || a.Job.ID != a.JobID || a.Job.Namespace != a.Namespace {
		return
	}
	a.JobID, a.Namespace = a.Job.ID, a.Job.Namespace
	if at := slices.IndexFunc(a.Job.TaskGroups, func(g *nl.Group) bool { return g.Name == a.TaskGroup }); at >= 0 {
		a.TaskGroup = a.Job.TaskGroups[at].Name
	}
}
