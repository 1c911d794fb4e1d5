package watch

import (
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// locks takes locks away from variables whose holders have not renewed them
// for their time to live. When a server starts to lead, every lock has its
// whole time ahead again: nobody knows when it was renewed last.
type locks struct {
	mu   sync.Mutex
	held map[string]heldLock // by store.JobKey of the variable
}

// heldLock is a lock as it was last heard of. A write of the variable by the
// holder, which alone may write it, counts as being heard of.
type heldLock struct {
	id     string
	modify uint64
	since  time.Time
}

func newLocks() *locks { return &locks{held: map[string]heldLock{}} }

// renew starts the time to live again.
func (l *locks) renew(now time.Time, v *nl.Variable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[store.JobKey(v.Namespace, v.Path)] = heldLock{v.LockID(), v.ModifyIndex, now}
}

// reset forgets everything.
func (l *locks) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.held)
}

// step takes away what has run out and tells when the next does.
func (l *locks) step(now time.Time, s *store.Snapshot) (ops []op.Op, wake time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := make(map[string]heldLock, len(l.held))
	for v := range s.LockedVariables() {
		key := store.JobKey(v.Namespace, v.Path)
		h := l.held[key]
		if h.id != v.LockID() || h.modify != v.ModifyIndex {
			h = heldLock{v.LockID(), v.ModifyIndex, now}
		}
		held[key] = h
		ttl, err := time.ParseDuration(v.Lock.TTL)
		ends := h.since.Add(ttl)
		if err == nil && ends.After(now) {
			wake = sooner(wake, ends)
			continue
		}
		ops = append(ops, &op.ApplyVariable{Action: op.VariableExpire, Time: now.UnixNano(), Variable: &nl.Variable{
			VariableMetadata: nl.VariableMetadata{Namespace: v.Namespace, Path: v.Path, Lock: &nl.VariableLock{ID: v.LockID()}},
		}})
	}
	l.held = held
	return ops, wake
}
