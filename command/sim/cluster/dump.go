package cluster

import (
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// dump traces the state that a failed run ends in.
func (c *Cluster) dump(s *store.Snapshot) {
	for n := range s.Nodes() {
		c.w.Detailf("node %s %s is %s, %s, draining %v", n.Name, n.ID, n.Status, n.SchedulingEligibility, n.DrainStrategy != nil)
	}
	for j := range s.Jobs(nl.AllNamespaces, "") {
		c.w.Detailf("job %s version %d is %s, stopped %v", j.ID, j.Version, j.Status, j.Stop)
		for _, g := range j.TaskGroups {
			c.w.Detailf("  group %s count %d", g.Name, g.Count)
		}
		if d := s.LatestDeployment(j.Namespace, j.ID); d != nil {
			c.w.Detailf("  deployment %s of version %d is %s: %s", d.ID, d.JobVersion, d.Status, d.StatusDescription)
			for name, g := range d.TaskGroups {
				c.w.Detailf("    group %s: %+v", name, *g)
			}
		}
		for e := range s.EvalsByJob(j.Namespace, j.ID) {
			if !e.Terminal() {
				c.w.Detailf("  evaluation %s by %s is %s; %s", e.ID, e.TriggeredBy, e.Status, e.StatusDescription)
			}
		}
		for a := range s.AllocsByJob(j.Namespace, j.ID) {
			health := "unknown"
			if d := a.DeploymentStatus; d != nil && d.Healthy != nil {
				health = map[bool]string{true: "healthy", false: "unhealthy"}[*d.Healthy]
			}
			c.w.Detailf("  allocation %s %s version %d at %d,%d on %s is to %s (%s) and %s, %s, deployment %s, next %s",
				a.ID, a.Name, a.JobVersion, a.CreateIndex, a.ModifyIndex, a.NodeName, a.DesiredStatus, a.DesiredDescription(), a.ClientStatus, health, a.DeploymentID, a.NextAllocation())
		}
	}
}

// detail traces what an entry changed.
func (c *Cluster) detail(changes []store.Change) {
	if !c.w.Traced() {
		return
	}
	for _, change := range changes {
		switch v := change.After.(type) {
		case *nl.Eval:
			c.w.Detailf("evaluation %s of %s by %s is %s %s", v.ID, v.JobID, v.TriggeredBy, v.Status, v.StatusDescription)
		case *nl.Alloc:
			c.w.Detailf("allocation %s %s version %d on %s is to %s (%s) and %s", v.ID, v.Name, v.JobVersion, v.NodeName, v.DesiredStatus, v.DesiredDescription(), v.ClientStatus)
		case *nl.Deployment:
			c.w.Detailf("deployment %s of %s version %d is %s: %s", v.ID, v.JobID, v.JobVersion, v.Status, v.StatusDescription)
		case *nl.Node:
			c.w.Detailf("node %s is %s, %s, draining %v", v.Name, v.Status, v.SchedulingEligibility, v.DrainStrategy != nil)
		}
	}
}
