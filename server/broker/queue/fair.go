package queue

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Fair share: which namespace's batch work is handed out next.
//
// A namespace is measured by its dominant share: the larger of its parts of the
// cluster's processors and memory that its batch work has or that its
// evaluations with workers ask for, divided by the namespace's weight. The one
// with the smallest is next; of equal ones the one that was not served for
// longest. Within a namespace priority and age decide, as everywhere.
//
// While an evaluation that waited for room is with a worker, none of another
// namespace goes out: it would take the room that is meant for the first.

// passedOverMax is how many deliveries a namespace with work is passed over
// before it is served whatever its share: evaluations that place nothing, of
// which a namespace may have any number, must not keep others from being
// looked at. It is far above the namespaces that usually have work at once.
const passedOverMax = 256

// Work is an amount of batch work, or what a cluster has for it.
type Work struct {
	CPU    int64 // MHz
	Memory int64 // MB
}

// Plus is the sum of both.
func (w Work) Plus(o Work) Work { return Work{w.CPU + o.CPU, w.Memory + o.Memory} }

// Minus is the difference of both.
func (w Work) Minus(o Work) Work { return Work{w.CPU - o.CPU, w.Memory - o.Memory} }

// part is how much of total it is, by whatever it takes most of.
func (w Work) part(total Work) float64 {
	return max(float64(w.CPU)/float64(max(total.CPU, 1)), float64(w.Memory)/float64(max(total.Memory, 1)))
}

// fair holds the ready evaluations of batch work by namespace.
type fair struct {
	ask        func(*nl.Eval) Work
	total      Work
	accounts   map[string]*account
	types      map[string]*rota // by evaluation type
	deliveries uint64

	holder string // namespace whose evaluations that waited for room are with workers
	held   int    // how many of them
}

// account is what a namespace is measured by.
type account struct {
	namespace string
	weight    int
	used      Work // by batch allocations that are not over
	asked     Work // by evaluations with workers
	share     float64
	lanes     []*lane // one for each type that it ever had
}

// lane is the ready evaluations of one type of a namespace.
type lane struct {
	account *account
	rota    *rota
	ready   *pile
	since   uint64 // deliveries when it was served last, or began to wait
	at      [2]int // its places in the heaps of the rota
}

// rota orders the namespaces that have work of one type.
type rota struct {
	byShare, byWait laneHeap
}

func newFair(ask func(*nl.Eval) Work) *fair {
	if ask == nil {
		ask = func(*nl.Eval) Work { return Work{} }
	}
	return &fair{ask: ask, accounts: map[string]*account{}, types: map[string]*rota{}}
}

// shared tells whether work of a type is shared between namespaces.
func shared(evalType string) bool {
	return evalType == nl.JobTypeBatch || evalType == nl.JobTypeSysBatch
}

func (f *fair) account(namespace string) *account {
	a := f.accounts[namespace]
	if a == nil {
		a = &account{namespace: namespace, weight: nl.NamespaceWeightDefault}
		f.accounts[namespace] = a
	}
	return a
}

// pile is where a ready evaluation belongs.
func (f *fair) pile(x *entry) *pile {
	r := f.types[x.eval.Type]
	if r == nil {
		r = &rota{
			byShare: laneHeap{slot: 0, before: smallerShare},
			byWait:  laneHeap{slot: 1, before: func(a, b *lane) bool { return longerAgo(a, b) < 0 }},
		}
		f.types[x.eval.Type] = r
	}
	a := f.account(x.eval.Namespace)
	for _, l := range a.lanes {
		if l.rota == r {
			return l.ready
		}
	}
	l := &lane{account: a, rota: r, ready: newPile(urgent)}
	l.ready.lane = l
	a.lanes = append(a.lanes, l)
	return l.ready
}

// filled follows an evaluation that was put into the lane.
func (f *fair) filled(l *lane) {
	if l.ready.len() > 1 {
		return
	}
	l.since = f.deliveries
	heap.Push(&l.rota.byShare, l)
	heap.Push(&l.rota.byWait, l)
}

// drained follows an evaluation that was taken out of the lane.
func (f *fair) drained(l *lane) {
	if l.ready.len() == 0 {
		heap.Remove(&l.rota.byShare, l.at[0])
		heap.Remove(&l.rota.byWait, l.at[1])
	}
}

// head is the evaluation of the type that is next, nil when there is none or
// all must wait.
func (f *fair) head(evalType string) *entry {
	r := f.types[evalType]
	if r == nil || len(r.byShare.lanes) == 0 {
		return nil
	}
	next := r.byShare.lanes[0]
	if waits := r.byWait.lanes[0]; f.deliveries-waits.since >= passedOverMax {
		next = waits
	}
	if f.held > 0 && next.account.namespace != f.holder {
		return nil
	}
	return next.ready.head()
}

// deliver charges the namespace of an evaluation that goes to a worker.
func (f *fair) deliver(x *entry) {
	f.deliveries++
	a := f.account(x.eval.Namespace)
	x.asks, x.waitedForRoom = f.ask(x.eval), x.eval.Status == nl.EvalStatusBlocked
	if x.waitedForRoom {
		f.holder = a.namespace
		f.held++
	}
	for _, l := range a.lanes {
		if l.since = f.deliveries; l.ready.len() > 0 {
			heap.Fix(&l.rota.byWait, l.at[1])
		}
	}
	a.asked = a.asked.Plus(x.asks)
	f.measure(a)
}

// returned undoes deliver: what was placed is counted as used by now.
func (f *fair) returned(x *entry) {
	if x.waitedForRoom {
		f.held--
	}
	a := f.account(x.eval.Namespace)
	a.asked = a.asked.Minus(x.asks)
	x.asks, x.waitedForRoom = Work{}, false
	f.measure(a)
}

// measure computes the share of a namespace anew.
func (f *fair) measure(a *account) {
	a.share = a.used.Plus(a.asked).part(f.total) / float64(max(a.weight, 1))
	for _, l := range a.lanes {
		if l.ready.len() > 0 {
			heap.Fix(&l.rota.byShare, l.at[0])
		}
	}
}

// before tells whether x is to go before y, of another type.
func (f *fair) before(x, y *entry) bool {
	a, b := f.account(x.eval.Namespace), f.account(y.eval.Namespace)
	if a.share != b.share {
		return a.share < b.share
	}
	return urgent(x, y)
}

func smallerShare(a, b *lane) bool {
	return cmp.Or(cmp.Compare(a.account.share, b.account.share), longerAgo(a, b)) < 0
}

func longerAgo(a, b *lane) int {
	return cmp.Or(cmp.Compare(a.since, b.since), strings.Compare(a.account.namespace, b.account.namespace))
}

// laneHeap implements heap.Interface; lanes know their place in it.
type laneHeap struct {
	lanes  []*lane
	slot   int
	before func(a, b *lane) bool
}

func (h *laneHeap) Len() int           { return len(h.lanes) }
func (h *laneHeap) Less(i, j int) bool { return h.before(h.lanes[i], h.lanes[j]) }

func (h *laneHeap) Swap(i, j int) {
	h.lanes[i], h.lanes[j] = h.lanes[j], h.lanes[i]
	h.lanes[i].at[h.slot], h.lanes[j].at[h.slot] = i, j
}

func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.at[h.slot] = len(h.lanes)
	h.lanes = append(h.lanes, l)
}

func (h *laneHeap) Pop() any {
	last := len(h.lanes) - 1
	l := h.lanes[last]
	h.lanes[last] = nil
	h.lanes = h.lanes[:last]
	return l
}

// ShareFairly starts or stops sharing batch work between namespaces by what
// they have. ask tells what an evaluation may place, as far as that is known;
// nil counts only what is placed. Until Use and SetCapacity are told otherwise,
// nobody has anything and the cluster has nothing.
func (q *Queue) ShareFairly(on bool, ask func(*nl.Eval) Work) {
	if on == (q.fair != nil) {
		return
	}
	var moved []*entry
	for _, x := range q.entries {
		switch {
		case x.state == ready && shared(x.eval.Type):
			q.detach(x)
			moved = append(moved, x)
		case x.state == unacked && q.fair != nil:
			q.fair.returned(x)
		}
	}
	if q.fair = nil; on {
		q.fair = newFair(ask)
	}
	// In one order: when a namespace began to wait must not depend on a map's.
	slices.SortFunc(moved, func(a, b *entry) int { return strings.Compare(a.eval.ID, b.eval.ID) })
	for _, x := range moved {
		q.pushReady(x)
	}
}

// SharesFairly tells whether batch work is shared.
func (q *Queue) SharesFairly() bool { return q.fair != nil }

// SetWeight sets a namespace's weight, at least 1.
func (q *Queue) SetWeight(namespace string, weight int) {
	if q.fair != nil {
		a := q.fair.account(namespace)
		a.weight = max(weight, nl.NamespaceWeightDefault)
		q.fair.measure(a)
	}
}

// Use adds to what a namespace's batch work has.
func (q *Queue) Use(namespace string, more Work) {
	if q.fair != nil && more != (Work{}) {
		a := q.fair.account(namespace)
		a.used = a.used.Plus(more)
		q.fair.measure(a)
	}
}

// AddCapacity adds to what the cluster has.
func (q *Queue) AddCapacity(more Work) {
	f := q.fair
	if f == nil || more == (Work{}) {
		return
	}
	f.total = f.total.Plus(more)
	for _, a := range f.accounts {
		a.share = a.used.Plus(a.asked).part(f.total) / float64(max(a.weight, 1))
	}
	for _, r := range f.types {
		heap.Init(&r.byShare)
	}
}

// Share is where a namespace stands.
type Share struct {
	Namespace string
	Weight    int
	Used      Work    // by batch allocations
	Share     float64 // what decides: with what is asked for, by weight
	Ready     int     // evaluations that wait for a worker
}

// Shares lists the namespaces that have batch work, by name; none while it is
// not shared.
func (q *Queue) Shares() []Share {
	if q.fair == nil {
		return nil
	}
	var out []Share
	for _, a := range q.fair.accounts {
		s := Share{Namespace: a.namespace, Weight: a.weight, Used: a.used, Share: a.share}
		for _, l := range a.lanes {
			s.Ready += l.ready.len()
		}
		if s.Ready > 0 || a.used != (Work{}) || a.asked != (Work{}) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Share) int { return strings.Compare(a.Namespace, b.Namespace) })
	return out
}
