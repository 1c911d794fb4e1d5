package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched/reconcile"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// rollouts: an update stops no more than max_parallel of what runs, less what
// it has placed and is not healthy yet, and none while it is paused, has failed
// or waits for canaries. A job has one deployment that goes on, which is
// successful when all it wants is healthy.
type rollouts struct{}

func newRollouts() Checker { return rollouts{} }

func (rollouts) Name() string { return "rollouts keep to their pace" }

func (rollouts) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	var keys []groupKey // of updated, in a certain order
	updated := map[groupKey]int{}
	joined := map[string]bool{} // allocations that came to their deployment just now
	for _, c := range applied.Changes {
		switch after := c.After.(type) {
		case *nl.Alloc:
			before, _ := c.Before.(*nl.Alloc)
			if before == nil || before.DeploymentID != after.DeploymentID {
				joined[after.ID] = true
			}
			if before != nil && !before.Terminal() && before.ClientStatus == nl.AllocClientRunning &&
				after.TerminalDesired() && after.DesiredDescription() == reconcile.DescUpdating {
				k := groupKey{after.Namespace, after.JobID, after.TaskGroup}
				if updated[k]++; updated[k] == 1 {
					keys = append(keys, k)
				}
			}
		case *nl.Deployment:
			if err := deployment(applied.Snapshot, c.Before, after); err != nil {
				return err
			}
		}
	}
	for _, k := range keys {
		n := updated[k]
		if most, why := pace(applied.Snapshot, k, joined); n > most {
			return fmt.Errorf("entry %d updates %d allocations of group %s of job %s, and may update %d: %s", applied.Index, n, k.group, k.job, most, why)
		}
	}
	return nil
}

func deployment(s *store.Snapshot, before any, d *nl.Deployment) error {
	active := 0
	for other := range s.DeploymentsByJob(d.Namespace, d.JobID) {
		if other.Active() {
			active++
		}
	}
	if active > 1 {
		return fmt.Errorf("%d deployments of job %s go on at a time", active, d.JobID)
	}
	j := s.JobVersion(d.Namespace, d.JobID, d.JobVersion)
	if j == nil || j.CreateIndex != d.JobCreateIndex || j.Type != nl.JobTypeService {
		return nil // nodes that leave take what a job on every node wants with them
	}
	if old, _ := before.(*nl.Deployment); (old == nil || old.Status != d.Status) && d.Status == nl.DeploymentStatusSuccessful {
		for name, g := range d.TaskGroups {
			if g.HealthyAllocs < g.DesiredTotal || g.DesiredCanaries > 0 && !g.Promoted {
				return fmt.Errorf("deployment %s of job %s is successful, and %d of %d allocations of group %s are healthy; promoted: %v",
					d.ID, d.JobID, g.HealthyAllocs, g.DesiredTotal, name, g.Promoted)
			}
		}
		if !j.Stable {
			return fmt.Errorf("deployment %s of job %s is successful, and version %d is not stable", d.ID, d.JobID, d.JobVersion)
		}
	}
	return nil
}

// pace is how many allocations of a group an entry may update, and why. Nobody
// waits for what is not heard of.
func pace(s *store.Snapshot, k groupKey, joined map[string]bool) (most int, why string) {
	const unbounded = 1 << 30
	d := s.LatestDeployment(k.namespace, k.job)
	if d == nil || d.TaskGroups[k.group] == nil {
		return unbounded, ""
	}
	job := s.JobVersion(k.namespace, k.job, d.JobVersion)
	if job == nil || job.CreateIndex != d.JobCreateIndex {
		return unbounded, ""
	}
	g := job.Group(k.group)
	if g == nil || g.Update == nil || g.Update.MaxParallel < 1 || job.Type != nl.JobTypeService {
		return unbounded, ""
	}
	most = g.Update.MaxParallel
	why = fmt.Sprintf("max_parallel is %d", most)
	for a := range s.AllocsByDeployment(d.ID) {
		if a.TaskGroup == k.group && !joined[a.ID] && !a.Terminal() && a.ClientStatus != nl.AllocClientUnknown &&
			(a.DeploymentStatus == nil || a.DeploymentStatus.Healthy == nil || !*a.DeploymentStatus.Healthy) {
			most--
			why = fmt.Sprintf("max_parallel is %d, and some that it placed are not healthy yet", g.Update.MaxParallel)
		}
	}
	return max(most, 0), why
}
