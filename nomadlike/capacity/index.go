package capacity

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/fit"
	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

// Slot is one node as it stands. It is never changed.
type Slot struct {
	Node *nl.Node
	Cap  fit.Vector
	fit.Usage
	// Order is the node's place among nodes that are alike; see Turn.
	Order uint64

	kind string // key of its Kind
	area uint32 // how much is left, roughly
}

// Key is the node's ID.
func (s *Slot) Key() string { return s.Node.ID }

// Free is what is left on the node.
func (s *Slot) Free() fit.Vector { return s.Cap.Minus(s.Used) }

// spareAny stands for as many allocations as there may be.
const spareAny = 1 << 30

// spare is how many more allocations the node may hold by their number alone.
func (s *Slot) spare() int {
	if s.Node.NodeMaxAllocs <= 0 {
		return spareAny
	}
	return s.Node.NodeMaxAllocs - s.Live
}

// Room names what keeps need from fitting beside what is there, "" when it fits.
func (s *Slot) Room(need fit.Vector) string {
	if s.spare() <= 0 {
		return fit.AllocsPerMax
	}
	return s.Used.Plus(need).Exceeds(s.Cap)
}

// Kind is the nodes of one pool, datacenter and class that tell the same of
// their drivers and networks.
type Kind struct {
	owner   *cow.Owner
	touched bool // while it is settled
	key     string
	root    *branch
}

// Key is the same for all nodes of the kind.
func (k *Kind) Key() string { return k.key }

// Len is how many nodes there are.
func (k *Kind) Len() int { return k.root.span.count }

// Sample is one of the nodes.
func (k *Kind) Sample() *nl.Node {
	b := k.root
	for b.children != nil {
		b = b.children[0]
	}
	return b.slots[0].Node
}

// Slots yields all nodes, in the order of the tree.
func (k *Kind) Slots() iter.Seq[*Slot] {
	return func(yield func(*Slot) bool) { k.root.all(yield) }
}

// Index is the nodes that are ready. The zero value is empty.
type Index struct {
	slots cow.Tree[*Slot] // by node ID
	kinds cow.Tree[*Kind]
	moves []move // not settled yet
}

// move is one slot in place of another, one of them nil when a node comes or
// goes.
type move struct{ from, to *Slot }

// keySeparator sorts before every character of a name.
const keySeparator = "\x00"

// kindOf is the key of the node's kind. The class comes first: it tells most
// kinds apart. What follows is what schedulers ask a node for beside its class
// and what it has.
func kindOf(n *nl.Node) string {
	var b strings.Builder
	for _, s := range [...]string{n.ComputedClass, n.NodePool, n.Datacenter, n.NodeClass} {
		b.WriteString(s)
		b.WriteString(keySeparator)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Drivers)) {
		if d := n.Drivers[name]; d != nil {
			fmt.Fprintf(&b, "%s=%t%s", name, d.Detected && d.Healthy, keySeparator)
		}
	}
	if r := n.NodeResources; r != nil {
		var modes []string
		for _, nw := range r.NodeNetworks {
			if nw != nil {
				modes = append(modes, nw.Mode)
			}
		}
		for _, nw := range r.Networks {
			if nw != nil {
				modes = append(modes, nw.Mode)
			}
		}
		slices.Sort(modes)
		b.WriteString(strings.Join(slices.Compact(modes), keySeparator))
	}
	return b.String()
}

// Get is the node of that ID, nil when it is not among those that may take work.
func (x *Index) Get(id string) *Slot {
	s, _ := x.slots.Get(id)
	return s
}

// KindOf is the key of the kind the node belongs to.
func (s *Slot) KindOf() string { return s.kind }

// Len is how many nodes there are.
func (x *Index) Len() int { return x.slots.Len() }

// Kinds yields all kinds, none of them empty, by key.
func (x *Index) Kinds() iter.Seq[*Kind] { return x.kinds.All() }

// Set puts a node and what is on it into the index, or takes it out when it may
// not take work. What reads the index waits for Settle.
func (x *Index) Set(o *cow.Owner, n *nl.Node, usage fit.Usage) {
	if !n.Ready() {
		x.Delete(o, n.ID)
		return
	}
	old := x.Get(n.ID)
	if old != nil && old.Node == n {
		x.SetUsage(o, n.ID, usage)
		return
	}
	x.slots.Set(o, x.moved(old, &Slot{Node: n, Cap: fit.Capacity(n), Usage: usage, Order: hash(n.ID), kind: kindOf(n)}))
}

// SetUsage changes what is on a node, if it is there.
func (x *Index) SetUsage(o *cow.Owner, id string, usage fit.Usage) {
	at := x.slots.At(o, id)
	if at == nil || (*at).Usage == usage {
		return
	}
	next := **at
	next.Usage = usage
	*at = x.moved(*at, &next)
}

// Delete takes a node out, if it is there.
func (x *Index) Delete(o *cow.Owner, id string) {
	if old := x.Get(id); old != nil {
		x.moves = append(x.moves, move{from: old})
		x.slots.Delete(o, id)
	}
}

// moved notes that next comes in place of old (nil: there was none).
func (x *Index) moved(old, next *Slot) *Slot {
	free := next.Free()
	next.area = area(free.CPU, free.Memory)
	x.moves = append(x.moves, move{old, next})
	return next
}

// Turn makes evaluations of different seeds prefer different nodes among those
// that are alike: they go round the same circle from different places, so that
// the next in turn is found in an ordered list.
type Turn uint64

// NewTurn is that of a seed. Seed 1, for which the scheduler's scripts are
// written, begins at the start of the circle.
func NewTurn(seed uint64) Turn { return Turn(stir((seed - 1) * odd)) }

// Of is where the node stands by this turn; the least comes first.
func (t Turn) Of(s *Slot) uint64 { return s.Order - uint64(t) }

// OfNode is Of for a node of that ID.
func (t Turn) OfNode(id string) uint64 { return hash(id) - uint64(t) }

// hash is FNV-1a of the text, stirred so that all bits depend on all of it.
func hash(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return stir(h ^ odd)
}

// odd is 2^64 divided by the golden ratio: multiples of it lie far apart.
const odd = 0x9e3779b97f4a7c15

func stir(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
