package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// migrations: a drain takes no more of a group's healthy allocations away than
// its migrate block allows, until the drain's deadline. It is looked at where
// the leader had applied all there was when it decided.
type migrations struct{}

func newMigrations() Checker { return migrations{} }

func (migrations) Name() string { return "drains keep to their pace" }

// clocksMax is how far clocks of servers may be from virtual time, and how much
// before its deadline a drain may be handled with another.
const clocksMax = 30 * time.Second

func (migrations) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First || applied.Decided+1 != applied.Index {
		return nil
	}
	s := applied.Snapshot
	var groups []groupKey
	drained := map[string]bool{} // jobs
	for _, c := range applied.Changes {
		if e, _ := c.After.(*nl.Eval); e != nil && e.TriggeredBy == nl.TriggerNodeDrain {
			drained[e.Namespace+"/"+e.JobID] = true // by others a user asked for it
		}
	}
	for _, c := range applied.Changes {
		before, _ := c.Before.(*nl.Alloc)
		after, _ := c.After.(*nl.Alloc)
		if before == nil || after == nil || before.DesiredTransition().Migrates() || !after.DesiredTransition().Migrates() ||
			!serves(after) || after.Job == nil || after.Job.Type != nl.JobTypeService || !drained[after.Namespace+"/"+after.JobID] {
			continue
		}
		if k := (groupKey{after.Namespace, after.JobID, after.TaskGroup}); !slices.Contains(groups, k) {
			groups = append(groups, k)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	for n := range s.Nodes() {
		if d := n.DrainStrategy; d != nil && (d.Deadline < 0 || d.ForceDeadline.Sub(world.Epoch().Add(applied.At)) < clocksMax) {
			return nil // all of its allocations may leave
		}
	}
	for _, k := range groups {
		job := s.Job(k.namespace, k.job)
		if job == nil || job.Stop {
			continue
		}
		g := job.Group(k.group)
		if g == nil || g.Migrate == nil || g.StartFirst() {
			continue
		}
		stay := 0
		for a := range s.AllocsByJob(k.namespace, k.job) {
			if a.TaskGroup == k.group && serves(a) && !a.DesiredTransition().Migrates() && a.Healthy() {
				stay++
			}
		}
		if least := g.Count - max(g.Migrate.MaxParallel, 1); stay < least {
			return fmt.Errorf("entry %d lets healthy allocations of job %s leave draining nodes, and %d stay; %d must", applied.Index, k.job, stay, least)
		}
	}
	return nil
}

// serves tells whether the group is one less without the allocation: canaries
// come on top of it, and what is not heard of may be gone.
func serves(a *nl.Alloc) bool {
	canary := a.DeploymentStatus != nil && a.DeploymentStatus.Canary
	return !a.Terminal() && !canary && a.ClientStatus != nl.AllocClientUnknown
}
