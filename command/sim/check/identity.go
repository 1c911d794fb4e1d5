package check

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// prefixLength is that of the prefixes that IDs are looked up by here: as many
// digits as the IDs of a large plan have in common.
const prefixLength = 4

// identity: no ID is given twice, not even after its allocation was collected,
// and the index by prefix holds what there is.
type identity struct {
	seen  map[string]bool // IDs ever given
	stays map[string]int  // allocations that there are, by prefix
}

func newIdentity() Checker { return &identity{seen: map[string]bool{}, stays: map[string]int{}} }

func (*identity) Name() string { return "allocation IDs are unique and found" }

func (k *identity) Observe(ev Event) error {
	applied, ok := ev.(Applied)
	if !ok || !applied.First {
		return nil
	}
	for _, c := range applied.Changes {
		if a, ok := c.Before.(*nl.Alloc); ok && a != nil && c.After == nil {
			k.stays[a.ID[:prefixLength]]--
		}
	}
	looked := ""
	placed := 0
	for a := range placements(applied) {
		placed++
		if k.seen[a.ID] {
			return fmt.Errorf("ID %s of an allocation of job %s was given before", a.ID, a.JobID)
		}
		k.seen[a.ID] = true
		k.stays[a.ID[:prefixLength]]++
	}
	for a := range placements(applied) {
		prefix := a.ID[:prefixLength]
		if prefix == looked {
			continue
		}
		looked = prefix
		found := 0
		for range applied.Snapshot.AllocsByPrefix(nl.AllNamespaces, prefix) {
			found++
		}
		if found != k.stays[prefix] {
			return fmt.Errorf("%d allocations have IDs that begin with %s, and %d are found after entry %d placed %d",
				k.stays[prefix], prefix, found, applied.Index, placed)
		}
	}
	return nil
}
