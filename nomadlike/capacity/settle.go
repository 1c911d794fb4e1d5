package capacity

import (
	"slices"

	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

const (
	// bulkMin is from how many changes on it is asked whether to build trees
	// anew: for fewer the asking costs more than it may save.
	bulkMin = 64
	// bulkShare is the part of a tree, as 1/bulkShare, of which the change costs
	// as much one by one as building it anew: BenchmarkUpdate.
	bulkShare = 8
	// bulkFill is how many slots or children a branch gets that is built anew:
	// some may come and some may go before it is divided or joined.
	bulkFill = branchMax * 3 / 4
)

// settling is the work on the trees of the kinds for one owner.
type settling struct {
	x       *Index
	owner   *cow.Owner
	touched []*Kind // owned
	last    *Kind   // the one used last: most changes concern one kind
}

// Settle brings the trees up to date with what was set and deleted.
func (x *Index) Settle(o *cow.Owner) {
	if len(x.moves) == 0 {
		return
	}
	s := settling{x: x, owner: o}
	moves := x.moves
	x.moves = nil
	if len(moves) >= bulkMin {
		moves = s.bulk(moves)
	}
	for _, m := range moves {
		if m.from != nil {
			s.takeOut(m.from)
		}
		if m.to != nil {
			s.put(m.to)
		}
	}
	for _, k := range s.touched {
		k.touched = false
		if k.root.len() == 0 {
			x.kinds.Delete(o, k.key)
		} else {
			k.root.settle(o)
		}
	}
}

// kind is the kind of that key, owned, made when there is none.
func (s *settling) kind(key string) *Kind {
	if s.last != nil && s.last.key == key {
		return s.last
	}
	k, _ := s.x.kinds.Get(key)
	switch {
	case k == nil:
		k = &Kind{owner: s.owner, key: key, root: &branch{owner: s.owner, stale: true}}
		s.x.kinds.Set(s.owner, k)
	case k.owner != s.owner:
		k = &Kind{owner: s.owner, key: k.key, root: k.root.owned(s.owner)}
		s.x.kinds.Set(s.owner, k)
	}
	if !k.touched {
		k.touched = true
		s.touched = append(s.touched, k)
	}
	s.last = k
	return k
}

func (s *settling) put(slot *Slot) {
	k := s.kind(slot.kind)
	if right := k.root.insert(s.owner, slot); right != nil {
		k.root = &branch{owner: s.owner, stale: true, low: k.root.low, children: []*branch{k.root, right}}
	}
}

func (s *settling) takeOut(slot *Slot) {
	k := s.kind(slot.kind)
	k.root.remove(s.owner, slot)
	for len(k.root.children) == 1 {
		k.root = k.root.children[0].owned(s.owner)
	}
}

// kindMoves is what comes to a kind and leaves it.
type kindMoves struct {
	come  []*Slot
	gone  map[*Slot]bool
	count int
}

// bulk builds the trees anew of which much changes, and returns the other moves.
func (s *settling) bulk(moves []move) (left []move) {
	byKind := map[string]*kindMoves{}
	of := func(key string) *kindMoves {
		m := byKind[key]
		if m == nil {
			m = &kindMoves{gone: map[*Slot]bool{}}
			byKind[key] = m
		}
		return m
	}
	for _, m := range moves {
		if m.from != nil {
			of(m.from.kind).count++
		}
		if m.to != nil {
			of(m.to.kind).count++
		}
	}
	for key, m := range byKind {
		if m.count < bulkMin || m.count*bulkShare < s.kind(key).Len() {
			delete(byKind, key)
		}
	}
	if len(byKind) == 0 {
		return moves
	}
	for _, m := range moves {
		if m.from != nil {
			if k := byKind[m.from.kind]; k != nil {
				k.gone[m.from] = true
				m.from = nil
			}
		}
		if m.to != nil {
			if k := byKind[m.to.kind]; k != nil {
				k.come = append(k.come, m.to)
				m.to = nil
			}
		}
		if m.from != nil || m.to != nil {
			left = append(left, m)
		}
	}
	for key, m := range byKind {
		k := s.kind(key)
		k.root = built(s.owner, m.merge(k))
	}
	return left
}

// merge lists, in order, the slots of the kind after the moves.
func (m *kindMoves) merge(k *Kind) []*Slot {
	come := slices.DeleteFunc(m.come, func(s *Slot) bool { return m.gone[s] }) // came and went on
	slices.SortFunc(come, func(a, b *Slot) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	all := make([]*Slot, 0, k.Len()+len(come))
	for s := range k.Slots() {
		if m.gone[s] {
			continue
		}
		for len(come) > 0 && come[0].before(s) {
			all = append(all, come[0])
			come = come[1:]
		}
		all = append(all, s)
	}
	return append(all, come...)
}

// built is a tree of slots that are in order.
func built(o *cow.Owner, slots []*Slot) *branch {
	var level []*branch
	for part := range slices.Chunk(slots, bulkFill) {
		b := &branch{owner: o, stale: true, low: part[0], slots: make([]*Slot, len(part), branchMax+1)}
		copy(b.slots, part)
		level = append(level, b)
	}
	for len(level) > 1 {
		var above []*branch
		for part := range slices.Chunk(level, bulkFill) {
			b := &branch{owner: o, stale: true, low: part[0].low, children: make([]*branch, len(part), branchMax+1)}
			copy(b.children, part)
			above = append(above, b)
		}
		level = above
	}
	if len(level) == 0 {
		return &branch{owner: o, stale: true}
	}
	return level[0]
}
