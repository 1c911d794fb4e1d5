package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// finished: batch work that has ended well, and that nobody gave up, is not
// done again for the same version of its job: by name, and on every node for
// itself where the job is one for all nodes.
type finished struct {
	by map[workKey]string // allocation
}

type workKey struct {
	nameKey
	created, version uint64
	node             string // of jobs for all nodes
}

func newFinished() Checker { return &finished{by: map[workKey]string{}} }

func (*finished) Name() string { return "finished work is not done again" }

func (k *finished) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		if a, _ := c.Before.(*nl.Alloc); a != nil && a.Job != nil && k.by[workOf(a)] == a.ID {
			delete(k.by, workOf(a))
		}
		if a, _ := c.After.(*nl.Alloc); a != nil && a.Job != nil && a.ClientStatus == nl.AllocClientComplete && !a.TerminalDesired() {
			k.by[workOf(a)] = a.ID
		}
	}
	for a := range placements(applied) {
		if a.Job == nil || a.Job.Type != nl.JobTypeBatch && a.Job.Type != nl.JobTypeSysBatch {
			continue
		}
		if other := k.by[workOf(a)]; other != "" {
			return fmt.Errorf("allocation %s of job %s does again what %s has done", a.ID, a.JobID, other)
		}
	}
	return nil
}

func workOf(a *nl.Alloc) workKey {
	k := workKey{keyOf(a), a.Job.CreateIndex, a.JobVersion, ""}
	if a.Job.Type == nl.JobTypeSysBatch {
		k.node = a.NodeID
	}
	return k
}
