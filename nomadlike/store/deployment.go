package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// editDeployment is a deployment to be changed in place by this transaction;
// nil when there is none.
func (t *tx) editDeployment(id string) *nl.Deployment {
	if d := t.deployment[id]; d != nil {
		return d
	}
	before := t.Deployment(id)
	if before == nil {
		return nil
	}
	next := cloneDeployment(before)
	next.ModifyIndex = t.index
	t.setDeployment(before, next)
	return next
}

func cloneDeployment(d *nl.Deployment) *nl.Deployment {
	next := *d
	next.TaskGroups = make(map[string]*nl.DeploymentState, len(d.TaskGroups))
	for group, state := range d.TaskGroups {
		s := *state
		s.PlacedCanaries = slices.Clone(state.PlacedCanaries)
		next.TaskGroups[group] = &s
	}
	return &next
}

// setDeployment stores next, which the transaction owns from here on.
func (t *tx) setDeployment(before, next *nl.Deployment) {
	row := t.jobRow(next.Namespace, next.JobID)
	t.touch(row)
	if before == nil {
		t.deploymentsCreated.SetRanked(t.owner, next.CreateIndex, name(next.ID))
		row.deployments.SetRanked(t.owner, next.CreateIndex, name(next.ID))
		if next.Active() {
			row.activeDeployments++
		}
	}
	t.deployments.Set(t.owner, deploymentRow{next})
	t.deployment[next.ID] = next
	change(t, TableDeployments, next.Namespace, next.ID, before, next)
}

// putPlannedDeployment creates the deployment of a plan. When it exists, the
// plan decides what is desired, and what has happened since stays.
func (t *tx) putPlannedDeployment(d *nl.Deployment, time int64) {
	before := t.Deployment(d.ID)
	if before != nil && (before.JobID != d.JobID || before.Namespace != d.Namespace) {
		t.deleteDeployment(before) // an ID that was given twice: the later one stands
		before = nil
	}
	next := cloneDeployment(d)
	next.ModifyIndex, next.ModifyTime = t.index, time
	if before == nil {
		next.CreateIndex = t.index
		if next.CreateTime == 0 {
			next.CreateTime = time
		}
		t.setDeployment(nil, next)
		return
	}
	next.CreateIndex, next.CreateTime = before.CreateIndex, before.CreateTime
	if !before.Active() {
		next.Status, next.StatusDescription = before.Status, before.StatusDescription
	}
	for group, state := range next.TaskGroups {
		known := before.TaskGroups[group]
		if known == nil {
			continue
		}
		state.PlacedAllocs, state.HealthyAllocs, state.UnhealthyAllocs = known.PlacedAllocs, known.HealthyAllocs, known.UnhealthyAllocs
		state.PlacedCanaries = slices.Clone(known.PlacedCanaries)
		state.RequireProgressBy = known.RequireProgressBy
		state.Promoted = state.Promoted || known.Promoted
	}
	if before.Active() && !next.Active() {
		t.jobRow(next.Namespace, next.JobID).activeDeployments--
	}
	t.setDeployment(before, next)
}

// setDeploymentStatus changes the status of a deployment; one that is over
// stays as it is. A job version whose deployment succeeded is stable.
func (t *tx) setDeploymentStatus(u *nl.DeploymentStatusUpdate, time int64) {
	if known := t.Deployment(u.DeploymentID); known == nil || !known.Active() {
		return
	}
	d := t.editDeployment(u.DeploymentID)
	resumed := d.Status == nl.DeploymentStatusPaused && u.Status == nl.DeploymentStatusRunning
	d.Status, d.StatusDescription = u.Status, u.StatusDescription
	if d.ModifyTime = time; u.UpdatedAt != 0 {
		d.ModifyTime = u.UpdatedAt
	}
	if resumed {
		timeAnew(d)
	}
	row := t.jobRow(d.Namespace, d.JobID)
	if !d.Active() {
		row.activeDeployments--
	}
	if d.Status == nl.DeploymentStatusSuccessful && row.job != nil && row.job.CreateIndex == d.JobCreateIndex {
		t.setStable(row, d.JobVersion, true)
	}
}

// timeAnew gives the groups of a deployment that was paused all their time to
// make progress: none could be made meanwhile.
func timeAnew(d *nl.Deployment) {
	for _, state := range d.TaskGroups {
		if !state.RequireProgressBy.IsZero() {
			state.RequireProgressBy = nl.Time{Time: timeOf(d.ModifyTime).Add(state.ProgressDeadline)}
		}
	}
}

func (t *tx) updateDeployment(o *op.UpdateDeployment) error {
	if err := t.checkActive(o.Update.DeploymentID); err != nil {
		return err
	}
	t.finishDeploymentWrite(&o.Update, o.Revert, o.Eval)
	return nil
}

// checkActive refuses writes to deployments that are over.
func (t *tx) checkActive(id string) error {
	d := t.Deployment(id)
	if d == nil {
		return nl.Errorf(nl.CodeInternal, "Deployment ID %q couldn't be updated as it does not exist", id)
	}
	if !d.Active() {
		return nl.Errorf(nl.CodeInternal, "Deployment %q has terminal status %q:", id, d.Status)
	}
	return nil
}

// finishDeploymentWrite does what the writes about deployments have in common.
func (t *tx) finishDeploymentWrite(u *nl.DeploymentStatusUpdate, revert *nl.Job, eval *nl.Eval) {
	if u != nil {
		t.setDeploymentStatus(u, u.UpdatedAt)
	}
	if revert != nil && t.Job(revert.Namespace, revert.ID) != nil {
		t.putJob(revert, 0)
	}
	if eval != nil {
		t.putJobEval(t.jobRow(eval.Namespace, eval.JobID), eval)
	}
}

// setAllocHealth marks allocations by hand or as the watcher finds them.
func (t *tx) setAllocHealth(o *op.SetAllocHealth) error {
	if err := t.checkActive(o.DeploymentID); err != nil {
		return err
	}
	mark := func(ids []string, healthy bool) error {
		for _, id := range ids {
			old := t.Alloc(id)
			if old == nil {
				return nl.Errorf(nl.CodeInternal, "unknown alloc %q", id)
			}
			if old.DeploymentID != o.DeploymentID {
				return nl.Errorf(nl.CodeInternal, "alloc %q is not part of deployment %q", id, o.DeploymentID)
			}
			next := *old
			status := nl.AllocDeploymentStatus{Healthy: &healthy, Timestamp: timeOf(o.Time), ModifyIndex: t.index}
			if old.DeploymentStatus != nil {
				status.Canary = old.DeploymentStatus.Canary
			}
			next.DeploymentStatus = &status
			next.ModifyIndex = t.index
			if o.Time != 0 {
				next.ModifyTime = o.Time
			}
			t.putAlloc(old, &next)
		}
		return nil
	}
	if err := mark(o.Healthy, true); err != nil {
		return err
	}
	if err := mark(o.Unhealthy, false); err != nil {
		return err
	}
	t.finishDeploymentWrite(o.Update, o.Revert, o.Eval)
	return nil
}

// health is nil while it is not known.
func health(a *nl.Alloc) *bool {
	if a == nil || a.DeploymentStatus == nil {
		return nil
	}
	return a.DeploymentStatus.Healthy
}

// countInDeployment keeps the counters of a deployment: what was placed in it,
// which became healthy or unhealthy, and until when it must progress.
func (t *tx) countInDeployment(old, next *nl.Alloc) {
	if next.DeploymentID == "" {
		return
	}
	placed := old == nil || old.DeploymentID != next.DeploymentID
	was, is := health(old), health(next)
	if placed {
		was = nil
	}
	if !placed && sameHealth(was, is) {
		return
	}
	d := t.editDeployment(next.DeploymentID)
	if d == nil || d.TaskGroups[next.TaskGroup] == nil {
		return
	}
	state := d.TaskGroups[next.TaskGroup]
	if placed {
		state.PlacedAllocs++
	}
	countHealth(state, was, -1)
	countHealth(state, is, +1)
	if placed && next.DeploymentStatus != nil && next.DeploymentStatus.Canary &&
		!slices.Contains(state.PlacedCanaries, next.ID) {
		state.PlacedCanaries = append(state.PlacedCanaries, next.ID)
	}
	if state.ProgressDeadline == 0 {
		return
	}
	if placed && state.RequireProgressBy.IsZero() {
		state.RequireProgressBy = nl.Time{Time: timeOf(next.ModifyTime).Add(state.ProgressDeadline)}
	} else if is != nil && *is {
		if by := next.DeploymentStatus.Timestamp.Add(state.ProgressDeadline); by.After(state.RequireProgressBy.Time) {
			state.RequireProgressBy = nl.Time{Time: by}
		}
	}
}

func sameHealth(a, b *bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func countHealth(state *nl.DeploymentState, healthy *bool, by int) {
	switch {
	case healthy == nil:
	case *healthy:
		state.HealthyAllocs = max(0, state.HealthyAllocs+by)
	default:
		state.UnhealthyAllocs = max(0, state.UnhealthyAllocs+by)
	}
}

func (t *tx) deleteDeployment(d *nl.Deployment) {
	row := t.jobRow(d.Namespace, d.JobID)
	t.touch(row)
	t.deployments.Delete(t.owner, d.ID)
	t.deploymentsCreated.DeleteRanked(t.owner, d.CreateIndex, d.ID)
	row.deployments.DeleteRanked(t.owner, d.CreateIndex, d.ID)
	delete(t.deployment, d.ID)
	if d.Active() {
		row.activeDeployments--
	}
	change(t, TableDeployments, d.Namespace, d.ID, d, nil)
}
