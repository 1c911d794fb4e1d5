package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

func (t *tx) registerJob(o *op.RegisterJob) (any, error) {
	namespace, id := o.Job.Namespace, o.Job.ID
	if o.IdempotencyToken != "" {
		if child := t.dispatchedAs(namespace, o.Job.ParentID, o.IdempotencyToken); child != nil {
			return &op.RegisterJobResult{ExistingChild: child.ID, ExistingChildCreateIndex: child.CreateIndex}, nil
		}
	}
	stored := t.Job(namespace, id)
	if o.EnforceIndex {
		if err := admit.CheckIndex(stored, o.JobModifyIndex); err != nil {
			return nil, err
		}
	}
	if t.Namespace(namespace) == nil {
		return nil, nl.Errorf(nl.CodeInternal, "job %q is in nonexistent namespace %q", id, namespace)
	}
	if pool := o.Job.NodePool; pool != "" && t.NodePool(pool) == nil {
		return nil, nl.Errorf(nl.CodeInternal, "job %q is in nonexistent node pool %q", id, pool)
	}
	row := t.putJob(o.Job, o.KeepVersions)
	changed := row.job != stored
	if o.Submission != nil && changed {
		t.putSubmission(row, o.Submission)
	}
	if o.IdempotencyToken != "" && o.Job.ParentID != "" {
		parent := t.jobRow(namespace, o.Job.ParentID)
		parent.tokens.Set(t.owner, link{key: o.IdempotencyToken, to: id})
	}
	if o.PeriodicLaunch != 0 && o.Job.ParentID != "" {
		t.recordLaunch(namespace, o.Job.ParentID, o.PeriodicLaunch)
	}
	t.putJobEval(row, o.Eval)
	return registered(row.job, changed), nil
}

// registered tells the job's indexes. A job that was not changed answers with
// the index of its last change of any kind, as the HTTP API does.
func registered(job *nl.Job, changed bool) *op.RegisterJobResult {
	r := &op.RegisterJobResult{JobModifyIndex: job.ModifyIndex, Version: job.Version}
	if changed {
		r.JobModifyIndex = job.JobModifyIndex
	}
	return r
}

// dispatchedAs finds the child that a parent dispatched for a token.
func (t *tx) dispatchedAs(namespace, parentID, token string) *nl.Job {
	parent := t.jobRowOf(namespace, parentID)
	if parent == nil {
		return nil
	}
	child, found := parent.tokens.Get(token)
	if !found {
		return nil
	}
	return t.Job(namespace, child.to)
}

// putJob stores job as a new one or as a new version of the stored one. A job
// whose specification equals the stored one changes nothing.
func (t *tx) putJob(job *nl.Job, keepVersions int) *jobRow {
	row := t.jobRow(job.Namespace, job.ID)
	t.touch(row)
	stored := row.job
	next := *job
	t.carryPolicies(row, &next)
	if stored != nil && !admit.SpecChanged(stored, &next) {
		return row
	}
	next.CreateIndex, next.ModifyIndex, next.JobModifyIndex = t.index, t.index, t.index
	next.Version, next.Stable, next.VersionTag = 0, false, nil
	next.Status, next.StatusDescription = nl.JobStatusPending, ""
	if stored != nil {
		next.CreateIndex = stored.CreateIndex
		next.Version = stored.Version + 1
		next.Status = stored.Status
	} else if next.ParentID != "" {
		t.jobRow(next.Namespace, next.ParentID).children.Set(t.owner, name(next.ID))
	}
	row.job = &next
	change(t, TableJobs, next.Namespace, next.ID, stored, &next)
	t.addVersion(row, keepVersions)
	t.putPolicies(row, stored)
	t.putGroups(row)
	return row
}

// replaceJob stores a copy of the current version that differs only in what
// is not specification: status, stability, tag.
func (t *tx) replaceJob(row *jobRow, next *nl.Job) {
	before := row.job
	next.ModifyIndex = t.index
	row.job = next
	if len(row.versions) > 0 && row.versions[0] == before {
		row.versions = append([]*nl.Job{next}, row.versions[1:]...)
	}
	change(t, TableJobs, next.Namespace, next.ID, before, next)
}

func (t *tx) deregisterJob(o *op.DeregisterJob) (any, error) {
	stored := t.Job(o.Namespace, o.ID)
	if stored == nil {
		// Nothing to stop, but allocations may be left of a purged job.
		if o.Eval != nil {
			t.putEval(o.Eval)
		}
		return &op.RegisterJobResult{}, nil
	}
	row := t.jobRow(o.Namespace, o.ID)
	t.touch(row)
	if o.NoShutdownDelay {
		t.skipShutdownDelay(row)
	}
	result := registered(stored, false)
	if o.Purge {
		t.deleteJob(row)
		result.JobModifyIndex = t.index
	} else {
		stopped := *stored
		stopped.Stop = true
		stopped.SubmitTime = o.SubmitTime
		t.putJob(&stopped, 0)
		result = registered(row.job, row.job != stored)
	}
	t.putJobEval(row, o.Eval)
	return result, nil
}

func (t *tx) skipShutdownDelay(row *jobRow) {
	for _, a := range t.collectAllocs(row) {
		if a.Terminal() {
			continue
		}
		next := *a
		next.Amend().DesiredTransition.NoShutdownDelay = nl.Yes
		next.ModifyIndex, next.AllocModifyIndex = t.index, t.index
		t.putAlloc(a, &next)
	}
}

// collectAllocs lists a job's allocations before they are changed: a tree must
// not change while it is read.
func (s *Snapshot) collectAllocs(row *jobRow) []*nl.Alloc {
	return slices.AppendSeq(make([]*nl.Alloc, 0, row.allocs.Len()), s.allocsOf(row.allocs.All()))
}

// deleteJob removes a job and what is of no use without it.
func (t *tx) deleteJob(row *jobRow) {
	job := row.job
	namespace, id := job.Namespace, job.ID
	row.job = nil
	change(t, TableJobs, namespace, id, job, nil)
	for _, v := range row.versions {
		change(t, TableJobVersions, namespace, id, v, nil)
	}
	row.versions = nil
	if row.summary != nil {
		change(t, TableJobSummaries, namespace, id, row.summary, nil)
		row.summary = nil
	}
	for _, sub := range row.submissions {
		change(t, TableJobSubmissions, namespace, id, sub, nil)
	}
	row.submissions = nil
	if row.events != nil {
		row.events = nil
		t.indexes[TableScalingEvents] = t.index
	}
	if row.launch != 0 {
		row.launch = 0
		t.indexes[TablePeriodicLaunches] = t.index
	}
	t.deletePolicies(namespace, id)
	if job.ParentID != "" {
		t.forgetChild(job)
	}
}

// forgetChild takes a deleted child from its parent's row. Its place in the
// parent's summary stays: the summary counts children that ended, not those
// that are still known.
func (t *tx) forgetChild(job *nl.Job) {
	parent := t.jobRow(job.Namespace, job.ParentID)
	parent.children.Delete(t.owner, job.ID)
	if token := job.DispatchIdempotencyToken; token != "" {
		parent.tokens.Delete(t.owner, token)
	}
	t.touch(parent)
}

// putJobEval stores the evaluation that comes with a write of the job.
func (t *tx) putJobEval(row *jobRow, e *nl.Eval) {
	if e == nil {
		return
	}
	next := *e
	if row.job != nil {
		next.JobModifyIndex = row.job.JobModifyIndex
	} else {
		next.JobModifyIndex = t.index
	}
	t.putEval(&next)
}

func (t *tx) recordLaunch(namespace, id string, launch int64) {
	row := t.jobRow(namespace, id)
	if row.job == nil && row.empty() {
		t.touch(row)
	}
	row.launch = launch
	change(t, TablePeriodicLaunches, namespace, id, nil, &launch)
}
