package capacity

import (
	"cmp"
	"math/bits"

	"github.com/nomadlike/nomadlike/nomadlike/store/cow"
)

const (
	// branchMax is the most slots of a leaf and the most children of any other
	// branch: chosen by BenchmarkUpdate and BenchmarkSearch.
	branchMax = 16
	// joinMax is how large two neighbours may be together to become one when one
	// of them has lost something: less than branchMax, so that they do not split
	// again at once.
	joinMax = branchMax * 3 / 4
)

// branch is a part of the tree of a kind.
type branch struct {
	owner    *cow.Owner
	stale    bool  // span is to be added up anew
	low      *Slot // nothing below comes before it
	slots    []*Slot
	children []*branch // none in a leaf, which has slots instead
	span     span
}

// before is the order of a tree: what is left first, then, so that nodes that
// are alike stand together, all that a score or the room depends on, then the
// order of nodes that are alike.
func (s *Slot) before(o *Slot) bool {
	switch {
	case s.area != o.area:
		return s.area < o.area
	case s.Cap.CPU != o.Cap.CPU:
		return s.Cap.CPU < o.Cap.CPU
	case s.Cap.Memory != o.Cap.Memory:
		return s.Cap.Memory < o.Cap.Memory
	case s.Used.CPU != o.Used.CPU:
		return s.Used.CPU < o.Used.CPU
	case s.Used.Memory != o.Used.Memory:
		return s.Used.Memory < o.Used.Memory
	case s.Order != o.Order:
		return s.Order < o.Order
	}
	return cmp.Less(s.Node.ID, o.Node.ID)
}

// area is a point of a curve through the plane of CPU and memory that are left,
// which keeps near to each other what is near (Morton order). Both are taken as
// a power of two and the next areaBits bits: small amounts, of which it matters
// whether something fits, are told apart as finely as large ones.
func area(cpu, memory int64) uint32 { return spreadOut(rough(cpu))<<1 | spreadOut(rough(memory)) }

const areaBits = 10

func rough(amount int64) uint32 {
	if amount <= 0 {
		return 0
	}
	u := uint64(amount)
	power := bits.Len64(u)
	if shift := power - 1 - areaBits; shift >= 0 {
		u >>= shift
	} else {
		u <<= -shift
	}
	return uint32(power)<<areaBits | uint32(u)&(1<<areaBits-1)
}

// spreadOut puts a 0 between the lower 16 bits.
func spreadOut(x uint32) uint32 {
	x &= 0xffff
	x = (x | x<<8) & 0x00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f
	x = (x | x<<2) & 0x33333333
	return (x | x<<1) & 0x55555555
}

// owned is b itself when o made it, else a copy that o may change.
func (b *branch) owned(o *cow.Owner) *branch {
	if b.owner == o {
		return b
	}
	c := *b
	c.owner = o
	if b.children != nil {
		c.children = append(make([]*branch, 0, branchMax+1), b.children...)
	} else {
		c.slots = append(make([]*Slot, 0, branchMax+1), b.slots...)
	}
	return &c
}

func (b *branch) ownedChild(o *cow.Owner, i int) *branch {
	c := b.children[i].owned(o)
	b.children[i] = c
	return c
}

// childFor is where s is, or would be.
func (b *branch) childFor(s *Slot) int {
	low, high := 1, len(b.children)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if s.before(b.children[mid].low) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low - 1
}

// place is the first slot of a leaf that does not come before s.
func (b *branch) place(s *Slot) int {
	low, high := 0, len(b.slots)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if b.slots[mid].before(s) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// insert adds s below b, which is owned, and returns what b has split off.
func (b *branch) insert(o *cow.Owner, s *Slot) (right *branch) {
	b.stale = true
	if b.low == nil || s.before(b.low) {
		b.low = s
	}
	if b.children == nil {
		b.slots = insertAt(b.slots, b.place(s), s)
		if len(b.slots) <= branchMax {
			return nil
		}
		at := len(b.slots) / 2
		right = &branch{owner: o, stale: true, low: b.slots[at]}
		right.slots = append(make([]*Slot, 0, branchMax+1), b.slots[at:]...)
		clear(b.slots[at:])
		b.slots = b.slots[:at]
		return right
	}
	i := b.childFor(s)
	split := b.ownedChild(o, i).insert(o, s)
	if split == nil {
		return nil
	}
	b.children = insertAt(b.children, i+1, split)
	if len(b.children) <= branchMax {
		return nil
	}
	at := len(b.children) / 2
	right = &branch{owner: o, stale: true, low: b.children[at].low}
	right.children = append(make([]*branch, 0, branchMax+1), b.children[at:]...)
	clear(b.children[at:])
	b.children = b.children[:at]
	return right
}

// remove takes s, which is there, from below b, which is owned.
func (b *branch) remove(o *cow.Owner, s *Slot) {
	b.stale = true
	if b.children == nil {
		b.slots = removeAt(b.slots, b.place(s))
		return
	}
	i := b.childFor(s)
	c := b.ownedChild(o, i)
	c.remove(o, s)
	if c.len() == 0 {
		b.children = removeAt(b.children, i)
		return
	}
	switch {
	case i > 0 && b.children[i-1].len()+c.len() <= joinMax:
		b.join(o, i-1)
	case i+1 < len(b.children) && b.children[i+1].len()+c.len() <= joinMax:
		b.join(o, i)
	}
}

// join makes one of the children i and i+1.
func (b *branch) join(o *cow.Owner, i int) {
	left, right := b.ownedChild(o, i), b.children[i+1]
	left.stale = true
	left.slots = append(left.slots, right.slots...)
	left.children = append(left.children, right.children...)
	b.children = removeAt(b.children, i+1)
}

// len is how many children or slots there are.
func (b *branch) len() int { return len(b.slots) + len(b.children) }

// settle adds up what is stale.
func (b *branch) settle(o *cow.Owner) {
	if !b.stale || b.owner != o {
		return
	}
	b.stale = false
	for i, c := range b.children {
		c.settle(o)
		b.span.add(&c.span, i == 0)
	}
	for i, s := range b.slots {
		one := spanOf(s)
		b.span.add(&one, i == 0)
	}
}

func (b *branch) all(yield func(*Slot) bool) bool {
	for _, c := range b.children {
		if !c.all(yield) {
			return false
		}
	}
	for _, s := range b.slots {
		if !yield(s) {
			return false
		}
	}
	return true
}

func insertAt[T any](list []T, i int, v T) []T {
	list = append(list, v)
	copy(list[i+1:], list[i:])
	list[i] = v
	return list
}

func removeAt[T any](list []T, i int) []T {
	copy(list[i:], list[i+1:])
	var none T
	list[len(list)-1] = none
	return list[:len(list)-1]
}
