package reconcile

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Status descriptions of deployments, which users see.
const (
	descRunning        = "Deployment is running"
	descNeedsPromotion = "Deployment is running but requires manual promotion"
	descAutoPromotion  = "Deployment is running pending automatic promotion"
	descSuccessful     = "Deployment completed successfully"
	descCancelStopped  = "Cancelled because job is stopped"
	descCancelNewer    = "Cancelled due to newer version of job"
)

// sortOutDeployment tells the deployment of this version from earlier ones, and
// cancels what is overtaken.
func (s *state) sortOutDeployment() {
	d := s.Deployment
	switch {
	case d == nil:
		return
	case s.stopped:
		s.old = d
		s.updateDeployment(d, nl.DeploymentStatusCancelled, descCancelStopped)
		return
	case d.JobVersion != s.Job.Version || d.JobCreateIndex != s.Job.CreateIndex:
		s.old = d
		s.updateDeployment(d, nl.DeploymentStatusCancelled, descCancelNewer)
		return
	case d.Status == nl.DeploymentStatusSuccessful || d.Status == nl.DeploymentStatusCancelled:
		s.old = d
		return
	}
	s.deployment = d
	s.out.Current = d
	s.failed = d.Status == nl.DeploymentStatusFailed
	s.paused = d.Status == nl.DeploymentStatusPaused || d.Status == nl.DeploymentStatusPending ||
		d.Status == nl.DeploymentStatusInitializing
}

func (s *state) updateDeployment(d *nl.Deployment, status, description string) {
	if !d.Active() {
		return
	}
	s.out.DeploymentUpdates = append(s.out.DeploymentUpdates, nl.DeploymentStatusUpdate{
		DeploymentID: d.ID, Status: status, StatusDescription: description, UpdatedAt: s.Now.UnixNano(),
	})
}

// groupState is a copy of what the deployment says of the group, a fresh state
// when it says nothing yet.
func (s *state) groupState(g *nl.Group) (st *nl.DeploymentState, exists bool) {
	if s.deployment != nil {
		if known := s.deployment.TaskGroups[g.Name]; known != nil {
			own := *known
			return &own, true
		}
	}
	st = &nl.DeploymentState{}
	if g.Update != nil {
		st.AutoRevert = g.Update.AutoRevert
		st.AutoPromote = g.Update.AutoPromote
		st.ProgressDeadline = g.Update.ProgressDeadline
	}
	return st, false
}

// updated tells whether the group is updated step by step. Batch jobs never are.
func (s *state) updated(g *nl.Group) bool {
	return g.Update != nil && g.Update.MaxParallel > 0 && (s.Type == nl.JobTypeService || s.Type == nl.JobTypeSystem)
}

// enterDeployment puts the group into the job's deployment, which is made when
// there is none.
func (s *state) enterDeployment(g *nl.Group, st *nl.DeploymentState) {
	if s.deployment == nil {
		now := s.Now.UnixNano()
		s.deployment = &nl.Deployment{
			ID: s.NewID(), Namespace: s.Job.Namespace, JobID: s.Job.ID,
			JobVersion: s.Job.Version, JobModifyIndex: s.Job.ModifyIndex,
			JobSpecModifyIndex: s.Job.JobModifyIndex, JobCreateIndex: s.Job.CreateIndex,
			Status: nl.DeploymentStatusRunning, StatusDescription: descRunning,
			TaskGroups:   map[string]*nl.DeploymentState{},
			EvalPriority: s.EvalPriority, CreateTime: now, ModifyTime: now,
			IsMultiregion: s.Job.Multiregion != nil,
		}
		s.out.Deployment = s.deployment
	} else if s.out.Deployment == nil {
		s.deployment = s.deployment.Copy()
		s.out.Deployment = s.deployment
	}
	s.out.Current = s.deployment
	s.deployment.TaskGroups[g.Name] = st
}

// keepState writes the group's state when the deployment, which goes on, is to
// have canaries that it knew nothing of: something to replace has turned up.
func (s *state) keepState(g *nl.Group, st *nl.DeploymentState) {
	if !s.failed && st.DesiredCanaries != s.deployment.TaskGroups[g.Name].DesiredCanaries {
		s.enterDeployment(g, st)
	}
}

// finishDeployment marks the deployment as successful when every group is
// through, and describes a new one.
func (s *state) finishDeployment(complete bool) {
	if s.deployment == nil {
		return
	}
	if d := s.out.Deployment; d != nil && d.Status == nl.DeploymentStatusRunning {
		canaries, automatic := false, true
		for _, st := range d.TaskGroups {
			if st.DesiredCanaries > 0 && !st.Promoted {
				canaries = true
				automatic = automatic && st.AutoPromote
			}
		}
		switch {
		case canaries && automatic:
			d.StatusDescription = descAutoPromotion
		case canaries:
			d.StatusDescription = descNeedsPromotion
		}
		return
	}
	if complete && !s.paused && !s.held {
		s.updateDeployment(s.deployment, nl.DeploymentStatusSuccessful, descSuccessful)
	}
}

// dropCanaries stops the canaries of deployments that are over without having
// been promoted, and returns the rest: the canaries of this deployment that
// live on, and everything else.
func (s *state) dropCanaries(g *nl.Group, allocs []*nl.Alloc) (canaries, rest []*nl.Alloc) {
	var drop []string
	collect := func(d *nl.Deployment) {
		if d == nil {
			return
		}
		if st := d.TaskGroups[g.Name]; st != nil && !st.Promoted {
			drop = append(drop, st.PlacedCanaries...)
		}
	}
	collect(s.old)
	if s.failed {
		collect(s.deployment)
	}
	var current []string
	if s.deployment != nil && !s.failed {
		if st := s.deployment.TaskGroups[g.Name]; st != nil && !st.Promoted {
			current = st.PlacedCanaries
		}
	}
	u := s.updates(g.Name)
	for _, a := range allocs {
		switch {
		case slices.Contains(drop, a.ID):
			// Failed ones too: nothing may bring them back.
			if !a.TerminalDesired() {
				s.stop(a, DescNotNeeded)
				u.Stop++
			}
		case slices.Contains(current, a.ID):
			canaries = append(canaries, a)
		default:
			rest = append(rest, a)
		}
	}
	return canaries, rest
}
