package capacity

import (
	"cmp"
	"maps"
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Fold is the nodes of one kind together.
type Fold struct {
	Kind
	Before, After Load
}

// Load is what nodes have and what of it is taken.
type Load struct {
	Nodes, Usable  int        // Usable are ready and eligible
	Capacity, Used fit.Vector // of the usable ones
	Allocs         int        // on the usable ones
}

// usage is a node with what is taken on it.
type usage struct {
	node           *nl.Node
	capacity, used fit.Vector
	allocs         int
}

func usageOf(s *store.Snapshot) []usage {
	var out []usage
	index := map[string]int{}
	for n := range s.Nodes() {
		index[n.ID] = len(out)
		out = append(out, usage{node: n, capacity: fit.Capacity(n)})
	}
	for a := range s.Allocs(nl.AllNamespaces) {
		at, ok := index[a.NodeID]
		if ok && !a.Terminal() {
			out[at].used = out[at].used.Plus(fit.Need(a.AllocatedResources))
			out[at].allocs++
		}
	}
	return out
}

// folds compares two states kind by kind; what has the most nodes comes first.
func folds(before, after *store.Snapshot) []*Fold {
	by := map[Kind]*Fold{}
	add := func(s *store.Snapshot, side func(*Fold) *Load) {
		for _, u := range usageOf(s) {
			k := kindOf(u.node)
			if by[k] == nil {
				by[k] = &Fold{Kind: k}
			}
			l := side(by[k])
			l.Nodes++
			if !u.node.Ready() {
				continue
			}
			l.Usable++
			l.Capacity, l.Used = l.Capacity.Plus(u.capacity), l.Used.Plus(u.used)
			l.Allocs += u.allocs
		}
	}
	add(before, func(f *Fold) *Load { return &f.Before })
	add(after, func(f *Fold) *Load { return &f.After })
	return slices.SortedFunc(maps.Values(by), func(a, b *Fold) int {
		return cmp.Or(cmp.Compare(max(b.Before.Nodes, b.After.Nodes), max(a.Before.Nodes, a.After.Nodes)), a.compare(b.Kind))
	})
}
