package capacity

import (
	"github.com/nomadlike/nomadlike/nomadlike/fit"
)

// span is what the nodes of a branch have at least and at most.
type span struct {
	count               int
	freeLow, freeHigh   fit.Vector
	spareLow, spareHigh int // allocations by number
	capLow, capHigh     fit.Vector
	shareLow, shareHigh fit.Shares // what is left of what they have
	orderLow, orderHigh uint64
	same                bool // all have the same CPU and memory, and the same of it used
}

func spanOf(s *Slot) span {
	free, spare, share := s.Free(), s.spare(), fit.SharesOf(s.Used, s.Cap)
	return span{1, free, free, spare, spare, s.Cap, s.Cap, share, share, s.Order, s.Order, true}
}

// add widens sp to hold what is in o; the first replaces what was there.
func (sp *span) add(o *span, first bool) {
	if first {
		*sp = *o
		return
	}
	sp.count += o.count
	sp.same = sp.same && o.same && sp.freeLow.CPU == o.freeLow.CPU && sp.freeLow.Memory == o.freeLow.Memory &&
		sp.capLow.CPU == o.capLow.CPU && sp.capLow.Memory == o.capLow.Memory
	sp.freeLow, sp.freeHigh = sp.freeLow.Least(o.freeLow), sp.freeHigh.Most(o.freeHigh)
	sp.spareLow, sp.spareHigh = min(sp.spareLow, o.spareLow), max(sp.spareHigh, o.spareHigh)
	sp.capLow, sp.capHigh = sp.capLow.Least(o.capLow), sp.capHigh.Most(o.capHigh)
	sp.shareLow.CPU, sp.shareHigh.CPU = min(sp.shareLow.CPU, o.shareLow.CPU), max(sp.shareHigh.CPU, o.shareHigh.CPU)
	sp.shareLow.Memory = min(sp.shareLow.Memory, o.shareLow.Memory)
	sp.shareHigh.Memory = max(sp.shareHigh.Memory, o.shareHigh.Memory)
	sp.orderLow, sp.orderHigh = min(sp.orderLow, o.orderLow), max(sp.orderHigh, o.orderHigh)
}

// may tells that need may fit on some of the nodes.
func (sp *span) may(need fit.Vector) bool { return sp.spareHigh > 0 && need.Exceeds(sp.freeHigh) == "" }

// must tells that need fits on all of the nodes.
func (sp *span) must(need fit.Vector) bool { return sp.spareLow > 0 && need.Exceeds(sp.freeLow) == "" }

// May tells that need may fit on some of the nodes: it is false only where it
// fits on none.
func (k *Kind) May(need fit.Vector) bool { return k.root.span.may(need) }

// left is the least and the most that may be left on nodes where need has been
// added.
func (sp *span) left(need fit.Vector) (low, high fit.Shares) {
	low = fit.Shares{
		CPU:    less(sp.shareLow.CPU, need.CPU, sp.capLow.CPU),
		Memory: less(sp.shareLow.Memory, need.Memory, sp.capLow.Memory),
	}
	high = fit.Shares{
		CPU:    less(sp.shareHigh.CPU, need.CPU, sp.capHigh.CPU),
		Memory: less(sp.shareHigh.Memory, need.Memory, sp.capHigh.Memory),
	}
	return low, high
}

// less is a share with need taken from it: nothing of nothing.
func less(share float64, need, capacity int64) float64 {
	if capacity <= 0 {
		return 0
	}
	return max(0, share-float64(need)/float64(capacity))
}

// Lack counts nodes by what they lack first.
type Lack struct{ Allocs, CPU, Memory, Disk int }

// Add counts n nodes by what Slot.Room says of them.
func (l *Lack) Add(room string, n int) {
	switch room {
	case fit.AllocsPerMax:
		l.Allocs += n
	case "cpu":
		l.CPU += n
	case "memory":
		l.Memory += n
	case "disk":
		l.Disk += n
	}
}

// Each yields what is lacked, as Slot.Room names it, and by how many nodes.
func (l *Lack) Each(yield func(room string, n int)) {
	for _, e := range [...]struct {
		room string
		n    int
	}{{fit.AllocsPerMax, l.Allocs}, {"cpu", l.CPU}, {"memory", l.Memory}, {"disk", l.Disk}} {
		if e.n > 0 {
			yield(e.room, e.n)
		}
	}
}

// Lacks counts the nodes of the kind on which need does not fit. Branches on
// whose nodes all or nothing fits are counted as a whole.
func (k *Kind) Lacks(need fit.Vector) Lack {
	var l Lack
	k.root.lacks(need, &l)
	return l
}

func (b *branch) lacks(need fit.Vector, l *Lack) {
	sp := &b.span
	switch {
	case sp.must(need):
		return
	case sp.spareHigh <= 0:
		l.Allocs += sp.count
		return
	case sp.spareLow <= 0:
	case need.CPU > sp.freeHigh.CPU:
		l.CPU += sp.count
		return
	case need.CPU > sp.freeLow.CPU:
	case need.Memory > sp.freeHigh.Memory:
		l.Memory += sp.count
		return
	case need.Memory > sp.freeLow.Memory:
	case need.Disk > sp.freeHigh.Disk:
		l.Disk += sp.count
		return
	}
	for _, c := range b.children {
		c.lacks(need, l)
	}
	for _, s := range b.slots {
		l.Add(s.Room(need), 1)
	}
}
