package check

import (
	"fmt"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// eligible: what is placed comes to a node that takes it: one that is ready and
// eligible, of the job's class, and of its own where hosts are to be distinct. A plan is held to what its proposer saw of the node.
type eligible struct {
	ready  map[string][]readyAt // by node
	silent map[string]bool      // allocations whose node was not heard of at some time
}

// readyAt is whether a node takes allocations from an index on.
type readyAt struct {
	index uint64
	is    bool
}

func newEligible() Checker {
	return &eligible{ready: map[string][]readyAt{}, silent: map[string]bool{}}
}

func (*eligible) Name() string { return "placements are on nodes that take them" }

func (k *eligible) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		switch after := c.After.(type) {
		case *nl.Node:
			k.ready[after.ID] = append(k.ready[after.ID], readyAt{applied.Index, after.Ready()})
		case *nl.Alloc:
			if after.ClientStatus == nl.AllocClientUnknown {
				k.silent[after.ID] = true
			}
		}
	}
	for a := range placements(applied) {
		if !k.wasReady(a.NodeID, applied.Decided) {
			return fmt.Errorf("entry %d, proposed at index %d, places an allocation of job %s on node %s, which took none by then",
				applied.Index, applied.Decided, a.JobID, a.NodeName)
		}
		n := applied.Snapshot.Node(a.NodeID)
		if n == nil || a.Job == nil {
			continue
		}
		for _, c := range a.Job.Constraints {
			if c.LTarget == "${node.class}" && c.RTarget != n.NodeClass {
				return fmt.Errorf("an allocation of job %s for class %s is placed on node %s of class %q", a.JobID, c.RTarget, n.Name, n.NodeClass)
			}
			if distinct(c) {
				if other := k.company(applied.Snapshot, a); other != nil {
					return fmt.Errorf("allocations %s and %s of job %s, which wants distinct hosts, are both on node %s", other.ID, a.ID, a.JobID, n.Name)
				}
			}
		}
	}
	return nil
}

// wasReady tells whether the node took allocations at the index or after it.
func (k *eligible) wasReady(node string, decided uint64) bool {
	list := k.ready[node]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].is {
			return true
		}
		if list[i].index <= decided {
			break
		}
	}
	return false
}

func distinct(c *nl.Constraint) bool { return c.Operand == "distinct_hosts" }

// company is another allocation of the same job on the same node. One of an
// earlier version that did not mind may have come beside it with the same plan.
func (k *eligible) company(s *store.Snapshot, a *nl.Alloc) *nl.Alloc {
	for other := range s.AllocsByNode(a.NodeID) {
		if other.ID == a.ID || other.JobID != a.JobID || other.Namespace != a.Namespace || other.Terminal() || k.silent[other.ID] {
			continue
		}
		if other.CreateIndex < a.CreateIndex || other.Job == nil || slices.ContainsFunc(other.Job.Constraints, distinct) {
			return other
		}
	}
	return nil
}
