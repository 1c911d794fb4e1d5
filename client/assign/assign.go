// Package assign compares what the servers want a node to run with what it
// runs. It is pure; the client feeds it the messages of the allocation stream
// and carries out what it finds.
package assign

import (
	"iter"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

// Known is what the node has of an allocation.
type Known struct {
	ModifyIndex uint64 // AllocModifyIndex of the version it has
}

// Diff is what is to be done, ordered by allocation ID within each list.
type Diff struct {
	Start  []*nl.Alloc // not known yet, and to be run
	Update []*nl.Alloc // known in an older version
	Remove []string    // no longer known to the servers
	Over   []*nl.Alloc // stopped before the node knew of them, which the servers wait to hear
}

// Compare finds what one message changes. Known tells what the node has of an
// allocation, and all which it has. Terminal allocations that the node does not
// know are not started.
func Compare(known func(id string) (Known, bool), all iter.Seq[string], m *query.NodeAllocChanges) Diff {
	var d Diff
	for _, a := range m.Allocs {
		k, ok := known(a.ID)
		switch {
		case !ok && !a.TerminalDesired() && !a.TerminalClient():
			d.Start = append(d.Start, a)
		case !ok && !a.TerminalClient():
			d.Over = append(d.Over, a)
		case ok && a.AllocModifyIndex > k.ModifyIndex:
			d.Update = append(d.Update, a)
		}
	}
	if m.Reset {
		seen := make(map[string]bool, len(m.Allocs))
		for _, a := range m.Allocs {
			seen[a.ID] = true
		}
		for id := range all {
			if !seen[id] {
				d.Remove = append(d.Remove, id)
			}
		}
	}
	for _, id := range m.Removed {
		if _, ok := known(id); ok && !slices.Contains(d.Remove, id) {
			d.Remove = append(d.Remove, id)
		}
	}
	byID := func(a, b *nl.Alloc) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	}
	slices.SortFunc(d.Start, byID)
	slices.SortFunc(d.Update, byID)
	slices.SortFunc(d.Over, byID)
	slices.Sort(d.Remove)
	return d
}
