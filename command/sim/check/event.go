// Package check watches a simulated cluster and says when it did what must
// never happen: one file for each rule. Checkers are told what happens, as the
// events below, and never change anything.
package check

import (
	"fmt"
	"iter"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Events.
type (
	// Applied is one entry of the log that a server applied. Snapshot and
	// Changes are of that server. First tells that no other server has applied
	// the index before.
	Applied struct {
		At       time.Duration // virtual time
		Server   int
		Index    uint64
		Sum      uint64 // of the bytes of the entry
		Decided  uint64 // index of the state that its proposer saw
		Snapshot *store.Snapshot
		Changes  []store.Change
		First    bool
	}
	// Saved is a snapshot that a server wrote.
	Saved struct {
		Server   int
		Snapshot *store.Snapshot
		Data     []byte
	}
	// Acked is a write whose proposer was told that it is committed.
	Acked struct {
		Index uint64
		Sum   uint64
	}
	// Read is an answer to a consistent read of one thing. Begun is when it was
	// asked for.
	Read struct {
		At, Begun time.Duration
		Key       string
		Index     uint64 // at which the thing changed last
	}
	// Ran is what a node runs of an allocation.
	Ran struct {
		At      time.Duration
		Node    string
		Alloc   string
		Running bool
	}
	// Settled is the end of a run: faults are over, no work has come for a
	// while, and nothing should happen any more. Snapshots are those of all
	// servers; Running is what runs, as the nodes say, by node and allocation.
	Settled struct {
		At        time.Duration
		Snapshots []*store.Snapshot
		Running   map[string]map[string]bool
		Acked     uint64 // highest index that a proposer was told
	}
)

// Event is one of the types above.
type Event any

// Checker watches for one thing. An error is a violation, and ends the run.
type Checker interface {
	Name() string
	Observe(ev Event) error
}

// All are all checkers, fresh.
func All() []Checker {
	return []Checker{
		newFingerprint(), newAcknowledged(), newReads(), newCapacity(), newQuotas(), newEvals(), newCounts(),
		newAdvance(), newRestarts(), newDrains(), newRestored(), newIdentity(), newNames(), newEligible(), newGifts(),
		newStamps(), newLinks(), newRollouts(), newMigrations(), newRetries(), newFinished(), newSettled(),
	}
}

// Violation is what a checker found.
type Violation struct {
	Checker string
	Err     error
}

func (v *Violation) Error() string { return fmt.Sprintf("%s: %v", v.Checker, v.Err) }

// Run tells every checker, and returns the first violation.
func Run(checkers []Checker, ev Event) error {
	for _, c := range checkers {
		if err := c.Observe(ev); err != nil {
			return &Violation{c.Name(), err}
		}
	}
	return nil
}

// placements are the allocations that an entry places anew.
func placements(applied Applied) iter.Seq[*nl.Alloc] {
	return func(yield func(*nl.Alloc) bool) {
		for _, c := range applied.Changes {
			if a, ok := c.After.(*nl.Alloc); ok && a != nil && c.Before == nil && !yield(a) {
				return
			}
		}
	}
}
