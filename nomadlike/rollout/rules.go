package rollout

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// RunningDescription says what a running deployment waits for.
func RunningDescription(d *nl.Deployment) string {
	waits, auto := false, true
	for _, state := range d.TaskGroups {
		if state.DesiredCanaries > 0 && !state.Promoted {
			waits = true
			auto = auto && state.AutoPromote
		}
	}
	switch {
	case !waits:
		return descRunning
	case auto:
		return descAutoPromote
	}
	return descPromotion
}

// OnFailure says what a deployment that fails for a reason tells, and which
// version of its job is to be registered again, nil for none.
func OnFailure(s *store.Snapshot, d *nl.Deployment, why string) (desc string, revert *nl.Job) {
	reverts := false
	for _, state := range d.TaskGroups {
		reverts = reverts || state.AutoRevert
	}
	if !reverts {
		return why, nil
	}
	stable := lastStable(s, d)
	if stable == nil {
		return why + " - no stable job version to auto revert to", nil
	}
	if current := s.Job(d.Namespace, d.JobID); current != nil && sameSpec(s, current, stable) {
		return fmt.Sprintf("%s - not rolling back to stable job version %d as current job has same specification", why, stable.Version), nil
	}
	return fmt.Sprintf("%s - rolling back to job version %d", why, stable.Version), stable
}

// lastStable is the newest stable version older than that of the deployment.
func lastStable(s *store.Snapshot, d *nl.Deployment) *nl.Job {
	for _, v := range s.JobVersions(d.Namespace, d.JobID) {
		if v.Stable && v.Version < d.JobVersion && v.CreateIndex == d.JobCreateIndex {
			return v
		}
	}
	return nil
}

// sameSpec tells whether registering an earlier version would make no new one:
// the store decides that, so the store is asked.
func sameSpec(s *store.Snapshot, current, earlier *nl.Job) bool {
	again := *earlier
	again.Stop, again.VersionTag = false, nil
	next, _, _, err := store.Apply(s, s.Index()+1, &op.RegisterJob{Job: &again})
	if err != nil {
		return false
	}
	after := next.Job(current.Namespace, current.ID)
	return after != nil && after.Version == current.Version
}

// FailsOnUnhealthy tells whether a deployment fails because these allocations
// of it are unhealthy: at once when its group has no time to make progress, or
// when one of them has no attempt left to be replaced.
func FailsOnUnhealthy(d *nl.Deployment, s *store.Snapshot, allocIDs []string) bool {
	for _, id := range allocIDs {
		a := s.Alloc(id)
		if a == nil {
			continue
		}
		state := d.TaskGroups[a.TaskGroup]
		if state == nil {
			continue
		}
		if state.ProgressDeadline == 0 || a.ClientStatus == nl.AllocClientFailed && !Reschedulable(a) {
			return true
		}
	}
	return false
}

// Reschedulable tells whether the policy of a failed allocation's group leaves
// an attempt to replace it.
func Reschedulable(a *nl.Alloc) bool {
	if a.Job == nil {
		return false
	}
	g := a.Job.Group(a.TaskGroup)
	if g == nil || g.ReschedulePolicy == nil {
		return false
	}
	p := g.ReschedulePolicy
	if p.Unlimited {
		return true
	}
	if p.Attempts == 0 {
		return false
	}
	failed := failTime(a)
	used := 0
	if a.RescheduleTracker() != nil {
		for _, e := range a.RescheduleTracker().Events {
			if failed.Sub(time.Unix(0, e.RescheduleTime)) < p.Interval {
				used++
			}
		}
	}
	return used < p.Attempts
}

// failTime is when the last task of an allocation ended.
func failTime(a *nl.Alloc) time.Time {
	var last time.Time
	for _, t := range a.TaskStates.All() {
		if t.FinishedAt.After(last) {
			last = t.FinishedAt.Time
		}
	}
	if last.IsZero() {
		return time.Unix(0, a.ModifyTime)
	}
	return last
}

// health is nil while it is not known.
func health(a *nl.Alloc) *bool {
	if a.DeploymentStatus == nil {
		return nil
	}
	return a.DeploymentStatus.Healthy
}

// healthKnown is how many allocations were found healthy or unhealthy so far.
func healthKnown(d *nl.Deployment) int {
	n := 0
	for _, state := range d.TaskGroups {
		n += state.HealthyAllocs + state.UnhealthyAllocs
	}
	return n
}
