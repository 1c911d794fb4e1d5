package quota

import (
	"slices"
	"strings"
)

// Ledger is what all namespaces under one quota use together. State holds it:
// only a copy may be changed.
type Ledger struct {
	Quota string
	// Pools are what is used on the nodes of each pool, by name; pools where
	// nothing is used are left out. Nodes that are gone count as pool "".
	Pools []PoolUse
	// Variables is the size of what the namespaces store encrypted, bytes.
	Variables int64
	// CreateIndex and ModifyIndex are when the quota came into use and when
	// what is used changed last.
	CreateIndex, ModifyIndex uint64
}

// PoolUse is what is used on the nodes of a pool.
type PoolUse struct {
	Pool string
	Use  Use
}

// Total is what is used in all pools.
func (l *Ledger) Total() Use {
	var sum Use
	for i := range l.Pools {
		sum = sum.Plus(l.Pools[i].Use)
	}
	return sum
}

// In is what is used in one pool.
func (l *Ledger) In(pool string) Use {
	if at, found := l.find(pool); found {
		return l.Pools[at].Use
	}
	return Use{}
}

func (l *Ledger) find(pool string) (int, bool) {
	return slices.BinarySearchFunc(l.Pools, pool, func(p PoolUse, name string) int { return strings.Compare(p.Pool, name) })
}

// Copy is a ledger to be changed.
func (l *Ledger) Copy() *Ledger {
	next := *l
	next.Pools = slices.Clone(l.Pools)
	return &next
}

// Add counts what more is held by nodes of a pool.
func (l *Ledger) Add(pool string, u Use) { l.count(pool, u, 1) }

// Take counts what is held no longer.
func (l *Ledger) Take(pool string, u Use) { l.count(pool, u, -1) }

func (l *Ledger) count(pool string, u Use, times int64) {
	at, found := l.find(pool)
	if !found {
		l.Pools = slices.Insert(l.Pools, at, PoolUse{Pool: pool})
	}
	entry := &l.Pools[at]
	if entry.Use = entry.Use.add(u, times); entry.Use.zero() {
		if l.Pools = slices.Delete(l.Pools, at, at+1); len(l.Pools) == 0 {
			l.Pools = nil // saved states are compared byte by byte
		}
	}
}

// Freed tells whether less of anything is used than in the ledger before: what
// waits for the quota may fit now.
func (l *Ledger) Freed(before *Ledger) bool {
	if l.Variables < before.Variables {
		return true
	}
	for _, p := range before.Pools {
		if l.In(p.Pool).smaller(p.Use) {
			return true
		}
	}
	return false
}
