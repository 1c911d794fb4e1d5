package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// links: an allocation and the one that replaces it name each other, and are of
// the same group.
type links struct{}

func newLinks() Checker { return links{} }

func (links) Name() string { return "allocations and their replacements name each other" }

func (links) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		a, ok := c.After.(*nl.Alloc)
		if !ok || a == nil {
			continue
		}
		before, _ := c.Before.(*nl.Alloc)
		if next := a.NextAllocation(); next != "" && (before == nil || before.NextAllocation() != next) {
			if b := applied.Snapshot.Alloc(next); b == nil || b.PreviousAllocation() != a.ID || b.JobID != a.JobID || b.TaskGroup != a.TaskGroup {
				return fmt.Errorf("allocation %s of job %s names %s as what replaces it, which does not replace it", a.ID, a.JobID, next)
			}
		}
		if previous := a.PreviousAllocation(); previous != "" && before == nil {
			if b := applied.Snapshot.Alloc(previous); b != nil && b.NextAllocation() != a.ID {
				return fmt.Errorf("allocation %s of job %s replaces %s, which names %q", a.ID, a.JobID, previous, b.NextAllocation())
			}
		}
	}
	return nil
}
