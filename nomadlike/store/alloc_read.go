package store

import (
	"iter"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Alloc is nil when there is none.
func (s *Snapshot) Alloc(id string) *nl.Alloc {
	if id == "" { // most have no predecessor
		return nil
	}
	row, _ := s.allocs.Get(id)
	return row.Alloc
}

func allocOf(r allocRow) *nl.Alloc { return r.Alloc }

// Allocs yields allocations by create index, then ID.
func (s *Snapshot) Allocs(namespace string) iter.Seq[*nl.Alloc] {
	return filtered(s.allocsCreated.All(), func(id name) *nl.Alloc { return s.Alloc(string(id)) },
		func(a *nl.Alloc) bool { return inNamespace(namespace, a.Namespace) })
}

// AllocsByPrefix yields the allocations whose ID starts with prefix, by ID.
func (s *Snapshot) AllocsByPrefix(namespace, prefix string) iter.Seq[*nl.Alloc] {
	return filtered(s.allocs.Prefixed(prefix), allocOf,
		func(a *nl.Alloc) bool { return inNamespace(namespace, a.Namespace) })
}

// AllocsByJob yields the allocations of a job, by ID, also those of an earlier
// job of the same ID.
func (s *Snapshot) AllocsByJob(namespace, id string) iter.Seq[*nl.Alloc] {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return empty[*nl.Alloc]
	}
	return filtered(row.allocs.All(), allocOf, always)
}

// NodeUsage is what the live allocations of a node take.
func (s *Snapshot) NodeUsage(nodeID string) fit.Usage {
	if set, _ := s.allocsByNode.Get(nodeID); set != nil {
		return set.usage
	}
	return fit.Usage{}
}

// FreedPorts is what allocations of a node gave back of late that held ports;
// some of it may be longer ago than ports rest.
func (s *Snapshot) FreedPorts(nodeID string) []fit.Freed {
	if set, _ := s.allocsByNode.Get(nodeID); set != nil {
		return set.freed
	}
	return nil
}

// AllocsByNode yields the allocations of a node, by ID.
func (s *Snapshot) AllocsByNode(nodeID string) iter.Seq[*nl.Alloc] {
	set, _ := s.allocsByNode.Get(nodeID)
	if set == nil {
		return empty[*nl.Alloc]
	}
	return filtered(set.allocs.All(), allocOf, always)
}

// AllocsByEval yields the allocations that an evaluation created or last
// changed, by ID.
func (s *Snapshot) AllocsByEval(id string) iter.Seq[*nl.Alloc] {
	set, _ := s.allocsByEval.Get(id)
	if set == nil {
		return empty[*nl.Alloc]
	}
	return filtered(set.ids.All(), func(id name) *nl.Alloc { return s.Alloc(string(id)) }, always)
}

// AllocsByDeployment yields the allocations of a deployment, by ID. It looks
// through those of its job, so that allocations carry one index less.
func (s *Snapshot) AllocsByDeployment(id string) iter.Seq[*nl.Alloc] {
	d := s.Deployment(id)
	if d == nil {
		return empty[*nl.Alloc]
	}
	row := s.jobRowOf(d.Namespace, d.JobID)
	if row == nil {
		return empty[*nl.Alloc]
	}
	return filtered(row.allocs.All(), allocOf, func(a *nl.Alloc) bool { return a.DeploymentID == id })
}
