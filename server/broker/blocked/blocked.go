// Package blocked holds the evaluations that found no place for everything,
// and decides which of them are worth another try when the cluster changes. It
// is pure: no clock, lock or goroutine. Package broker feeds it and takes what
// it releases.
//
// An evaluation is captured by the node classes it looked at: a change of a
// class that it found eligible, or did not know, releases it. When its
// constraints escape classes, any change does. Those of system jobs wait for
// one node each. Those that hit a quota wait for that quota, and, where some group
// lacked a node as well, for nodes, too. Whatever holds an evaluation, new
// allocations of a job that it wants to be near release it.
package blocked

import (
	"slices"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// retryAfter is how long an evaluation waits that gave up because its plans
	// kept being rejected; nothing in the cluster needs to change for it.
	retryAfter = time.Minute
	// rememberFor is how long changes are remembered for evaluations that were
	// decided before but arrive after them; far longer than an evaluation takes.
	rememberFor = 15 * time.Minute
	// forgetEvery is how often older ones are dropped.
	forgetEvery = 5 * time.Minute
	// anyJob stands for every job of the namespace among awaited ones.
	anyJob = "*"
)

// key names what has one blocked evaluation at most: a job, or for system jobs
// a job on a node.
type key struct{ namespace, job, node string }

// Changes are what may have made room. Index is when.
type Changes struct {
	Index   uint64
	Classes map[string]bool // computed classes of the nodes concerned
	Nodes   map[string]bool // IDs of the nodes concerned
	Quotas  map[string]bool // names of quotas with less used or more allowed
	Placed  map[Job]bool    // jobs with new allocations
	Volumes map[string]bool // VolumeKey of volumes that are there or free now
}

// Job names a job.
type Job struct{ Namespace, ID string }

// Empty tells whether there is nothing in c.
func (c *Changes) Empty() bool {
	return len(c.Classes)+len(c.Nodes)+len(c.Quotas)+len(c.Placed)+len(c.Volumes) == 0
}

// VolumeKey names a volume in Changes.
func VolumeKey(namespace, id string) string { return namespace + "\x00" + id }

// held is one blocked evaluation.
type held struct {
	eval  *nl.Eval
	key   key
	retry time.Time // zero: only when something changes
}

// seen is a remembered change.
type seen struct {
	index uint64
	at    time.Time
}

// Tracker holds blocked evaluations. It is not safe for concurrent use.
type Tracker struct {
	byID   map[string]*held
	byKey  map[key]*held
	retry  map[string]*held // by ID, those with a time
	excess []*nl.Eval       // duplicates, to be cancelled
	// awaiting is how many wait for allocations of other jobs.
	awaiting int

	classes, nodes, quotas, volumes map[string]seen
	placed                          map[Job]seen
	forgotten                       time.Time
}

// New makes an empty tracker.
func New() *Tracker {
	return &Tracker{
		byID: map[string]*held{}, byKey: map[key]*held{}, retry: map[string]*held{},
		classes: map[string]seen{}, nodes: map[string]seen{}, quotas: map[string]seen{}, volumes: map[string]seen{},
		placed: map[Job]seen{},
	}
}

// Block takes a blocked evaluation. It tells false when the evaluation must be
// tried again at once, because what it waits for has already happened after
// the state it was decided on.
func (t *Tracker) Block(now time.Time, e *nl.Eval) bool {
	t.Remove(e.ID)
	if t.missed(e) {
		return false
	}
	h := &held{eval: e, key: keyOf(e)}
	if e.TriggeredBy == nl.TriggerMaxPlans {
		h.retry = now.Add(retryAfter)
	}
	if old := t.byKey[h.key]; old != nil {
		if newer(old.eval, e) {
			t.excess = append(t.excess, e)
			return true
		}
		t.Remove(old.eval.ID)
		t.excess = append(t.excess, old.eval)
	}
	t.add(h)
	return true
}

// Remove forgets an evaluation that has ended or is being worked on.
func (t *Tracker) Remove(id string) {
	h := t.byID[id]
	if h == nil {
		return
	}
	if len(h.eval.AwaitedJobs) > 0 {
		t.awaiting--
	}
	delete(t.byID, id)
	delete(t.retry, id)
	delete(t.byKey, h.key)
}

// Release gives the evaluations that c may have made room for, and remembers c
// for those that come later but were decided before.
func (t *Tracker) Release(now time.Time, c Changes) []*nl.Eval {
	t.Remember(now, c)
	if t.awaiting == 0 && len(c.Classes)+len(c.Nodes)+len(c.Quotas)+len(c.Volumes) == 0 {
		return nil // placements are no news to anyone
	}
	return t.take(t.byID, func(h *held) bool { return concerns(h.eval, c) })
}

// Remember notes changes without releasing anything.
func (t *Tracker) Remember(now time.Time, c Changes) {
	note(t.classes, c.Classes, c.Index, now)
	note(t.nodes, c.Nodes, c.Index, now)
	note(t.quotas, c.Quotas, c.Index, now)
	note(t.placed, c.Placed, c.Index, now)
	note(t.volumes, c.Volumes, c.Index, now)
}

// Tick gives the evaluations that are tried again because of the time.
func (t *Tracker) Tick(now time.Time) []*nl.Eval {
	if now.Sub(t.forgotten) >= forgetEvery {
		t.forgotten = now
		forget(t.classes, now)
		forget(t.nodes, now)
		forget(t.quotas, now)
		forget(t.placed, now)
		forget(t.volumes, now)
	}
	return t.take(t.retry, func(h *held) bool { return !h.retry.After(now) })
}

// Wake is when Tick has something to give next, the zero time for never.
func (t *Tracker) Wake() time.Time {
	var wake time.Time
	for _, h := range t.retry {
		if wake.IsZero() || h.retry.Before(wake) {
			wake = h.retry
		}
	}
	return wake
}

// Due tells whether TakeExcess has something to give.
func (t *Tracker) Due() bool { return len(t.excess) > 0 }

// TakeExcess gives at most limit evaluations to be cancelled, once.
func (t *Tracker) TakeExcess(limit int) []*nl.Eval {
	n := min(limit, len(t.excess))
	out := slices.Clone(t.excess[:n])
	t.excess = slices.Delete(t.excess, 0, n)
	return out
}

// Stats counts blocked evaluations.
type Stats struct{ Blocked, Escaped, QuotaLimit, Excess int }

// Stats counts what the tracker holds.
func (t *Tracker) Stats() Stats {
	s := Stats{Blocked: len(t.byID), Excess: len(t.excess)}
	for _, h := range t.byID {
		if h.eval.EscapedComputedClass {
			s.Escaped++
		}
		if h.eval.QuotaLimitReached != "" {
			s.QuotaLimit++
		}
	}
	return s
}

// Evals lists the blocked evaluations, oldest first.
func (t *Tracker) Evals() []*nl.Eval {
	out := make([]*nl.Eval, 0, len(t.byID))
	for _, h := range t.byID {
		out = append(out, h.eval)
	}
	sortByAge(out)
	return out
}

func (t *Tracker) add(h *held) {
	if len(h.eval.AwaitedJobs) > 0 {
		t.awaiting++
	}
	t.byID[h.eval.ID] = h
	t.byKey[h.key] = h
	if !h.retry.IsZero() {
		t.retry[h.eval.ID] = h
	}
}

// take removes and gives those of from that want matches, oldest first.
func (t *Tracker) take(from map[string]*held, want func(*held) bool) []*nl.Eval {
	var out []*nl.Eval
	for _, h := range from {
		if want(h) {
			out = append(out, h.eval)
		}
	}
	sortByAge(out)
	for _, e := range out {
		t.Remove(e.ID)
	}
	return out
}

// missed tells whether a remembered change came after the state e was decided
// on.
func (t *Tracker) missed(e *nl.Eval) bool {
	c := Changes{Classes: after(t.classes, e.SnapshotIndex), Nodes: after(t.nodes, e.SnapshotIndex), Quotas: after(t.quotas, e.SnapshotIndex),
		Placed: after(t.placed, e.SnapshotIndex), Volumes: after(t.volumes, e.SnapshotIndex)}
	return concerns(e, c)
}

// concerns tells whether c may have made room for e.
func concerns(e *nl.Eval, c Changes) bool {
	for _, id := range e.MissingNonNodeResources {
		if c.Volumes[VolumeKey(e.Namespace, id)] {
			return true
		}
	}
	switch {
	case e.QuotaLimitReached != "" && c.Quotas[e.QuotaLimitReached], awaits(e, c.Placed):
		return true
	case onNode(e):
		return c.Nodes[e.NodeID]
	case e.QuotaLimitReached != "" && !e.EscapedComputedClass && len(e.ClassEligibility) == 0:
		return false // no node was missing
	case e.EscapedComputedClass:
		return len(c.Classes) > 0
	}
	for class := range c.Classes {
		if eligible, known := e.ClassEligibility[class]; eligible || !known {
			return true
		}
	}
	return false
}

// awaits tells whether e waits for one of the jobs that have new allocations.
func awaits(e *nl.Eval, placed map[Job]bool) bool {
	for _, id := range e.AwaitedJobs {
		if placed[Job{e.Namespace, id}] || id == anyJob && inNamespace(placed, e.Namespace) {
			return true
		}
	}
	return false
}

func inNamespace(placed map[Job]bool, namespace string) bool {
	for j := range placed {
		if j.Namespace == namespace {
			return true
		}
	}
	return false
}

// onNode tells whether e is that of a system job for one node.
func onNode(e *nl.Eval) bool {
	return e.NodeID != "" && (e.Type == nl.JobTypeSystem || e.Type == nl.JobTypeSysBatch)
}

func keyOf(e *nl.Eval) key {
	k := key{e.Namespace, e.JobID, ""}
	if onNode(e) {
		k.node = e.NodeID
	}
	return k
}

// newer tells whether a was created after b.
func newer(a, b *nl.Eval) bool {
	if a.CreateIndex != b.CreateIndex {
		return a.CreateIndex > b.CreateIndex
	}
	return a.ID > b.ID
}

func sortByAge(evals []*nl.Eval) {
	slices.SortFunc(evals, func(a, b *nl.Eval) int {
		switch {
		case a.CreateIndex < b.CreateIndex:
			return -1
		case a.CreateIndex > b.CreateIndex:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
}

func note[K comparable](m map[K]seen, names map[K]bool, index uint64, now time.Time) {
	for name := range names {
		if m[name].index <= index {
			m[name] = seen{index: index, at: now}
		}
	}
}

func after[K comparable](m map[K]seen, index uint64) map[K]bool {
	var out map[K]bool
	for name, s := range m {
		if s.index > index {
			if out == nil {
				out = map[K]bool{}
			}
			out[name] = true
		}
	}
	return out
}

func forget[K comparable](m map[K]seen, now time.Time) {
	for name, s := range m {
		if now.Sub(s.at) > rememberFor {
			delete(m, name)
		}
	}
}
