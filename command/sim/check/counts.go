package check

import (
	"fmt"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// counts: a placement never brings the allocations of a group above its count
// and the surge that is allowed: canaries, and replacements of allocations on
// nodes that are not heard of.
type counts struct {
	silent   map[string]bool          // allocations whose node was not heard of at some time
	promoted map[string]time.Duration // canaries that were promoted, and when
}

func newCounts() Checker {
	return &counts{silent: map[string]bool{}, promoted: map[string]time.Duration{}}
}

// planMax is how old the state may be that a plan was made from: a worker gives
// an answer up after 5 seconds, and the applier may hold it as long again.
const planMax = 10 * time.Second

func (*counts) Name() string { return "allocations per group within count and surge" }

func (c *counts) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	placed := map[groupKey]bool{}
	for _, change := range applied.Changes {
		a, ok := change.After.(*nl.Alloc)
		if !ok {
			continue
		}
		if a.ClientStatus == nl.AllocClientUnknown {
			c.silent[a.ID] = true
		}
		if before, ok := change.Before.(*nl.Alloc); ok && canary(before) && !canary(a) {
			c.promoted[a.ID] = applied.At
		}
		if change.Before == nil && !a.Terminal() {
			placed[groupKey{a.Namespace, a.JobID, a.TaskGroup}] = true
		}
	}
	for k := range placed {
		if err := c.group(applied.Snapshot, k, applied.At); err != nil {
			return err
		}
	}
	return nil
}

type groupKey struct{ namespace, job, group string }

func canary(a *nl.Alloc) bool {
	return a != nil && a.DeploymentStatus != nil && a.DeploymentStatus.Canary
}

// group counts. What was promoted just now may have been a canary for the plan:
// what it replaces is stopped by the next one.
func (c *counts) group(s *store.Snapshot, k groupKey, now time.Duration) error {
	live, canaries := 0, 0
	wanted := map[*nl.Group]bool{}
	perNode := map[string]int{}
	kind := ""
	note := func(j *nl.Job) {
		if j == nil {
			return
		}
		kind = j.Type
		if g := j.Group(k.group); g != nil {
			wanted[g] = true
		}
	}
	note(s.Job(k.namespace, k.job))
	for a := range s.AllocsByJob(k.namespace, k.job) {
		if a.TaskGroup != k.group || a.Terminal() || c.silent[a.ID] {
			continue
		}
		live++
		perNode[a.NodeID]++
		note(a.Job)
		if at, was := c.promoted[a.ID]; canary(a) || was && now-at < planMax {
			canaries++
		}
	}
	if kind == nl.JobTypeSystem || kind == nl.JobTypeSysBatch {
		for node, n := range perNode {
			if n > 1 {
				return fmt.Errorf("job %s has %d allocations of group %s on node %s, and is to have one", k.job, n, k.group, node)
			}
		}
		return nil
	}
	most, surge := 0, 0
	for g := range wanted {
		most = max(most, g.Count)
		if g.Update != nil {
			surge = max(surge, g.Update.Canary)
		}
	}
	if live > most+min(surge, canaries) {
		return fmt.Errorf("job %s has %d allocations of group %s; its count is %d, and %d more may be canaries", k.job, live, k.group, most, surge)
	}
	return nil
}
