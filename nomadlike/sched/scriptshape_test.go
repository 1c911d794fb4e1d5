package sched_test

import (
	"strconv"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/expr"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// checkShape counts by itself what is there of a job after a plan: no more than
// is wanted, and what was placed keeps apart as the job says.
func (w *world) checkShape(before *store.Snapshot, p *nl.Plan) {
	w.t.Helper()
	job := p.Job
	if job == nil || job.Stop {
		return
	}
	for _, g := range job.TaskGroups {
		w.checkCount(job, g)
	}
	for _, a := range p.Place {
		if before.Alloc(a.ID) == nil && a.JobVersion == job.Version {
			w.checkApart(job, job.Group(a.TaskGroup), a)
		}
	}
}

// checkCount counts the allocations of a group that are heard of, beside canaries
// and what only waits for its successor.
func (w *world) checkCount(job *nl.Job, g *nl.Group) {
	w.t.Helper()
	live, onNode := 0, map[string]bool{}
	for a := range w.state.AllocsByJob(job.Namespace, job.ID) {
		canary := a.DeploymentStatus != nil && a.DeploymentStatus.Canary
		if a.TaskGroup != g.Name || a.Terminal() || a.ClientStatus == nl.AllocClientUnknown {
			continue
		}
		if everywhere(job) {
			if onNode[a.NodeID] {
				w.t.Errorf("group %s of %s runs twice on %s", g.Name, job.ID, a.NodeID)
			}
			onNode[a.NodeID] = true
			continue
		}
		if !canary && (!a.DesiredTransition().Waits() || a.NextAllocation() == "") {
			live++
		}
	}
	if live > g.Count {
		w.t.Errorf("group %s of %s has %d allocations, and %d are wanted", g.Name, job.ID, live, g.Count)
	}
}

func everywhere(job *nl.Job) bool {
	return job.Type == nl.JobTypeSystem || job.Type == nl.JobTypeSysBatch
}

// checkApart looks for what a new allocation must not be beside.
func (w *world) checkApart(job *nl.Job, g *nl.Group, a *nl.Alloc) {
	w.t.Helper()
	for i, k := range append(append([]*nl.Constraint(nil), job.Constraints...), g.Constraints...) {
		perJob := i < len(job.Constraints)
		attribute, limit := "${node.unique.id}", 1
		switch k.Operand {
		case "distinct_property":
			attribute = k.LTarget
			if n, err := strconv.Atoi(k.RTarget); err == nil {
				limit = n
			}
		case "distinct_hosts":
			if k.RTarget == "false" {
				continue
			}
		default:
			continue
		}
		value, _ := expr.Resolve(attribute, w.state.Node(a.NodeID))
		alike := 0
		for o := range w.state.AllocsByJob(job.Namespace, job.ID) {
			if n := w.state.Node(o.NodeID); n != nil && !o.Terminal() && (perJob || o.TaskGroup == g.Name) {
				if v, _ := expr.Resolve(attribute, n); v == value {
					alike++
				}
			}
		}
		if alike > limit {
			w.t.Errorf("%s is one of %d with %s = %s, and %d may be", a.Name, alike, attribute, value, limit)
		}
	}
}
