package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// deriveStatuses computes the status of every job the write touched, and its
// place in its parent's summary.
func (t *tx) deriveStatuses() {
	for i := 0; i < len(t.touched); i++ {
		row := t.touched[i]
		seen := t.touchedRows[row]
		if row.job == nil {
			t.childMoved(seen.parent, row, seen.status, "")
			if row.empty() {
				t.jobs.Delete(t.owner, row.key)
				t.row = nil
			}
			continue
		}
		if status := row.status(seen.collected); status != row.job.Status {
			next := *row.job
			next.Status = status
			t.replaceJob(row, &next)
		}
		t.childMoved(row.job.ParentID, row, seen.status, row.job.Status)
	}
}

// status of a job, from what exists of it.
func (r *jobRow) status(collected bool) string {
	job := r.job
	switch {
	case job.Type == nl.JobTypeSystem || job.IsPeriodic() || job.IsParameterized():
		if job.Stop {
			return nl.JobStatusDead
		}
		return nl.JobStatusRunning
	case r.activeDeployments > 0 || r.liveAllocs > 0:
		return nl.JobStatusRunning
	case r.liveEvals > 0:
		return nl.JobStatusPending
	case r.evals.Len() > 0 || collected || job.Stop:
		return nl.JobStatusDead
	}
	return nl.JobStatusPending
}

// childMoved counts a child of parentID that went from one status to another
// ("" is not there). A child that is deleted while it lives counts as dead.
func (t *tx) childMoved(parentID string, row *jobRow, from, to string) {
	if parentID == "" || from == to {
		return
	}
	namespace, _ := splitJobKey(row.key)
	if t.Job(namespace, parentID) == nil {
		return
	}
	if to == "" {
		to = nl.JobStatusDead
		if from == to {
			return
		}
	}
	children := t.editSummary(t.jobRow(namespace, parentID)).Children
	countChild(children, from, -1)
	countChild(children, to, +1)
}

func countChild(c *nl.JobChildrenSummary, status string, by int) {
	switch status {
	case nl.JobStatusPending:
		c.Pending = max(0, c.Pending+by)
	case nl.JobStatusRunning:
		c.Running = max(0, c.Running+by)
	case nl.JobStatusDead:
		c.Dead = max(0, c.Dead+by)
	}
}

// editSummary is the summary of the row's job, to be changed in place by this
// transaction. It is made when there is none.
func (t *tx) editSummary(row *jobRow) *nl.JobSummary {
	if row.summaryOwner == t.owner && row.summary != nil {
		return row.summary
	}
	before := row.summary
	namespace, id := splitJobKey(row.key)
	next := &nl.JobSummary{
		JobID: id, Namespace: namespace, CreateIndex: row.job.CreateIndex,
		Summary: map[string]*nl.GroupSummary{}, Children: &nl.JobChildrenSummary{},
	}
	if before != nil {
		next.CreateIndex = before.CreateIndex
		for group, counts := range before.Summary {
			c := *counts
			next.Summary[group] = &c
		}
		*next.Children = *before.Children
	}
	next.ModifyIndex = t.index
	row.summary, row.summaryOwner = next, t.owner
	change(t, TableJobSummaries, namespace, id, before, next)
	return next
}

// putGroups gives every group of the job a place in its summary.
func (t *tx) putGroups(row *jobRow) {
	missing := func(g *nl.Group) bool { return row.summary == nil || row.summary.Summary[g.Name] == nil }
	if row.summary != nil && !slices.ContainsFunc(row.job.TaskGroups, missing) {
		return
	}
	summary := t.editSummary(row)
	for _, g := range row.job.TaskGroups {
		if summary.Summary[g.Name] == nil {
			summary.Summary[g.Name] = &nl.GroupSummary{}
		}
	}
}

// countAlloc moves an allocation in its job's summary from one client status
// to another ("" is not there). Allocations of an earlier job of the same ID
// do not count, and those that are collected stay counted.
func (t *tx) countAlloc(row *jobRow, a *nl.Alloc, from, to string) {
	if from == to || row.job == nil || a.Job == nil || row.summary == nil || a.Job.CreateIndex != row.summary.CreateIndex {
		return
	}
	summary := t.editSummary(row)
	counts := summary.Summary[a.TaskGroup]
	if counts == nil {
		counts = &nl.GroupSummary{}
		summary.Summary[a.TaskGroup] = counts
	}
	if from == "" && counts.Queued > 0 {
		counts.Queued--
	}
	if n := countOf(counts, from); n != nil && *n > 0 {
		*n--
	}
	if n := countOf(counts, to); n != nil {
		*n++
	}
}

func countOf(c *nl.GroupSummary, status string) *int {
	switch status {
	case nl.AllocClientPending:
		return &c.Starting
	case nl.AllocClientRunning:
		return &c.Running
	case nl.AllocClientComplete:
		return &c.Complete
	case nl.AllocClientFailed:
		return &c.Failed
	case nl.AllocClientLost:
		return &c.Lost
	case nl.AllocClientUnknown:
		return &c.Unknown
	}
	return nil
}

// countQueued takes over what an evaluation could not place.
func (t *tx) countQueued(row *jobRow, e *nl.Eval) {
	if row.job == nil || row.summary == nil {
		return
	}
	for group, queued := range e.QueuedAllocations {
		if counts := row.summary.Summary[group]; counts != nil && counts.Queued != queued {
			t.editSummary(row).Summary[group].Queued = queued
		}
	}
}

// reconcileSummaries counts everything afresh. What is queued stays: only the
// scheduler knows it.
func (t *tx) reconcileSummaries() {
	var rows []*jobRow
	for row := range t.jobs.All() {
		if row.job != nil {
			rows = append(rows, row)
		}
	}
	for _, r := range rows {
		namespace, id := splitJobKey(r.key)
		row := t.jobRow(namespace, id)
		summary := t.editSummary(row)
		for group, counts := range summary.Summary {
			summary.Summary[group] = &nl.GroupSummary{Queued: counts.Queued}
		}
		t.putGroups(row)
		for a := range t.allocsOf(row.allocs.All()) {
			counts := summary.Summary[a.TaskGroup]
			if counts == nil || a.Job == nil || a.Job.CreateIndex != row.job.CreateIndex {
				continue
			}
			if n := countOf(counts, a.ClientStatus); n != nil {
				*n++
			}
		}
		*summary.Children = nl.JobChildrenSummary{}
		for child := range t.JobsByParent(namespace, id) {
			countChild(summary.Children, child.Status, +1)
		}
	}
}
