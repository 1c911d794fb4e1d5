package store

import (
	"iter"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// Alloc is nil when there is none.
func (s *Snapshot) Alloc(id string) *nl.Alloc {
	_, a := s.numbered(id)
	return a
}

// numbered is an allocation and its number; nil when there is none.
func (s *Snapshot) numbered(id string) (number uint64, a *nl.Alloc) {
	if id == "" { // most have no predecessor
		return 0, nil
	}
	number, found := s.allocsByID.Get(id, s.allocID)
	if !found {
		return 0, nil
	}
	return number, s.allocs.Get(number)
}

// AllocOf is the allocation that an update is of, nil when there is none. It
// notes in the update where that is.
func (s *Snapshot) AllocOf(u *nl.AllocUpdate) *nl.Alloc {
	number, a := s.updated(u)
	if a != nil {
		u.Place = number + 1
	}
	return a
}

// updated is the allocation that an update is of and its number; nil when there
// is none.
func (s *Snapshot) updated(u *nl.AllocUpdate) (number uint64, a *nl.Alloc) {
	if u.Place > 0 {
		if a := s.allocs.Get(u.Place - 1); a != nil && a.ID == u.ID {
			return u.Place - 1, a
		}
	}
	return s.numbered(u.ID)
}

// allocID is the key of indexes of allocations.
func (s *Snapshot) allocID(number uint64) string { return s.allocs.Get(number).ID }

// allocsOf yields the allocations of those numbers.
func (s *Snapshot) allocsOf(numbers iter.Seq[uint64]) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		for number := range numbers {
			if !yield(s.allocs.Get(number)) {
				return
			}
		}
	}
}

// byID yields the allocations of those numbers by ID. They are sorted when they
// are asked for, which those who hold the sequence may never do.
func (s *Snapshot) byID(numbers iter.Seq[uint64]) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		for _, a := range slices.SortedFunc(s.allocsOf(numbers), allocByID) {
			if !yield(a) {
				return
			}
		}
	}
}

func allocByID(a, b *nl.Alloc) int { return strings.Compare(a.ID, b.ID) }

// Allocs yields allocations by create index, then ID.
func (s *Snapshot) Allocs(namespace string) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		// Numbers are in the order of create indexes.
		var together []*nl.Alloc
		give := func() bool {
			slices.SortFunc(together, allocByID)
			for _, a := range together {
				if !yield(a) {
					return false
				}
			}
			together = together[:0]
			return true
		}
		for a := range s.allocs.All() {
			if !inNamespace(namespace, a.Namespace) {
				continue
			}
			if len(together) > 0 && together[0].CreateIndex != a.CreateIndex && !give() {
				return
			}
			together = append(together, a)
		}
		give()
	}
}

// AllocsByPrefix yields the allocations whose ID starts with prefix, by ID.
func (s *Snapshot) AllocsByPrefix(namespace, prefix string) iter.Seq[*nl.Alloc] {
	return filtered(s.allocsByID.Prefixed(prefix, s.allocID), s.allocs.Get,
		func(a *nl.Alloc) bool { return inNamespace(namespace, a.Namespace) })
}

// AllocsByJob yields the allocations of a job, by ID, also those of an earlier
// job of the same ID.
func (s *Snapshot) AllocsByJob(namespace, id string) iter.Seq[*nl.Alloc] {
	row := s.jobRowOf(namespace, id)
	if row == nil {
		return empty[*nl.Alloc]
	}
	return s.allocsOf(row.allocs.All())
}

// LastPlaced is the index of the last write that placed an allocation of the
// job, as far as one is left or this process has seen it; 0 when there was none.
func (s *Snapshot) LastPlaced(namespace, jobID string) uint64 {
	if row := s.jobRowOf(namespace, jobID); row != nil {
		return row.placed
	}
	return 0
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
	return s.byID(set.allocs.All())
}

// AllocsByEval yields the allocations that an evaluation created or last
// changed, by ID.
func (s *Snapshot) AllocsByEval(id string) iter.Seq[*nl.Alloc] {
	set, _ := s.allocsByEval.Get(id)
	if set == nil {
		return empty[*nl.Alloc]
	}
	return s.byID(set.numbers.all())
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
	return filtered(row.allocs.All(), s.allocs.Get, func(a *nl.Alloc) bool { return a.DeploymentID == id })
}
