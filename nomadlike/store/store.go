package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// Store holds the newest snapshot. Reads may come from any goroutine; writes
// come from one at a time, the log.
type Store struct {
	newest   atomic.Pointer[Snapshot]
	replaced atomic.Uint64 // how often Replace was called
	hooks    []func(Commit)

	mu       sync.Mutex
	watchers map[Key]map[*watcher]struct{}
	index    map[*indexWaiter]struct{}
}

// Commit is what hooks are told: a write that was applied, or that the whole
// state was replaced (then Op and Changes are nil).
type Commit struct {
	Index    uint64
	Op       op.Op
	Changes  []Change
	Snapshot *Snapshot
	Replaced bool
}

// Key names what a query watches: ID "" is anything in the table. What IDs a
// table has is told at keysOf.
type Key struct {
	Table Table
	ID    string
}

// New holds s.
func New(s *Snapshot) *Store {
	st := &Store{
		watchers: map[Key]map[*watcher]struct{}{},
		index:    map[*indexWaiter]struct{}{},
	}
	st.newest.Store(s)
	return st
}

// OnCommit adds a hook, before the store is used. Hooks are called in the
// order they were added, in the applying goroutine, and must not block.
func (st *Store) OnCommit(f func(Commit)) { st.hooks = append(st.hooks, f) }

// Snapshot is the newest state.
func (st *Store) Snapshot() *Snapshot { return st.newest.Load() }

// Apply applies one write, shows the result to readers and wakes those who
// wait for it. An error is the answer to the proposer: the write was refused.
func (st *Store) Apply(index uint64, o op.Op) (result any, err error) {
	next, changes, result, err := Apply(st.newest.Load(), index, o)
	st.newest.Store(next)
	st.wake(next.index, changes)
	c := Commit{Index: next.index, Op: o, Changes: changes, Snapshot: next}
	for _, hook := range st.hooks {
		hook(c)
	}
	return result, err
}

// Replace takes a restored state and wakes everybody.
func (st *Store) Replace(s *Snapshot) {
	st.newest.Store(s)
	st.wakeAll(s.index)
	for _, hook := range st.hooks {
		hook(Commit{Index: s.index, Snapshot: s, Replaced: true})
	}
}

// indexWaiter waits for an index.
type indexWaiter struct {
	index uint64
	ready chan struct{}
}

// WaitIndex gives a snapshot at least as new as index.
func (st *Store) WaitIndex(ctx context.Context, index uint64) (*Snapshot, error) {
	if s := st.Snapshot(); s.index >= index {
		return s, nil
	}
	w := &indexWaiter{index: index, ready: make(chan struct{})}
	st.mu.Lock()
	st.index[w] = struct{}{}
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		delete(st.index, w)
		st.mu.Unlock()
	}()
	// The index may have come between the first look and the registration.
	if s := st.Snapshot(); s.index >= index {
		return s, nil
	}
	select {
	case <-w.ready:
		return st.Snapshot(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (st *Store) wake(index uint64, changes []Change) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.wakeIndex(index)
	if len(st.watchers) == 0 {
		return
	}
	for i := range changes {
		keysOf(&changes[i], func(k Key) {
			for w := range st.watchers[k] {
				w.signal()
			}
		})
	}
}

func (st *Store) wakeIndex(index uint64) {
	for w := range st.index {
		if w.index <= index {
			close(w.ready)
			delete(st.index, w)
		}
	}
}

func (st *Store) wakeAll(index uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.replaced.Add(1)
	st.wakeIndex(index)
	for _, ws := range st.watchers {
		for w := range ws {
			w.signal()
		}
	}
}

// Query runs f until the index it returns exceeds minIndex, maxWait passes or
// the state is replaced; f also tells what its result depends on, and is run
// again only when something of that changed. With minIndex 0 it runs once.
// When maxWait has passed, the last run stands and there is no error. What f
// found is f's to keep.
func (st *Store) Query(ctx context.Context, minIndex uint64, maxWait time.Duration,
	f func(s *Snapshot) (index uint64, watch []Key, err error)) error {
	epoch := st.replaced.Load()
	seen := st.Snapshot()
	index, watch, err := f(seen)
	if err != nil || minIndex == 0 || index > minIndex {
		return err
	}
	w := &watcher{woken: make(chan struct{}, 1)}
	defer st.unwatch(w)
	timeout := time.NewTimer(maxWait)
	defer timeout.Stop()
	for {
		st.watch(w, watch)
		// What was committed before the watch began would wake nobody.
		if s := st.Snapshot(); s == seen {
			select {
			case <-w.woken:
			case <-timeout.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		seen = st.Snapshot()
		if index, watch, err = f(seen); err != nil || index > minIndex || st.replaced.Load() != epoch {
			return err
		}
	}
}
