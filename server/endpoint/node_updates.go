package endpoint

import (
	"context"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

const (
	// StatusEntriesMax bounds the entries of the log that carry status and are
	// not committed: while one is on its way to disk, the next gathers.
	StatusEntriesMax = 2
	// updateCallsMax and updateAllocsMax bound what one entry carries; a single
	// larger call is not split.
	updateCallsMax  = 1024
	updateAllocsMax = 4096
	// updateEntryTimeout bounds how long an entry may take. A call's own deadline
	// does not end it: others share it.
	updateEntryTimeout = 30 * time.Second
)

// statusQueue writes what nodes tell of their allocations. Calls that come
// while entries are on their way share the next one, so that thousands of nodes
// cost few writes. It has no goroutine: a call that finds room makes the entry,
// and hands its room to the first that waits.
type statusQueue struct {
	propose func(ctx context.Context, o op.Op) (Result, error)

	texts   sync.Mutex // guards known
	known   wire.Texts
	mu      sync.Mutex
	flying  int
	waiting []*statusCall
}

// statusCall is one call that waits.
type statusCall struct {
	update *op.UpdateAllocs
	turn   chan struct{} // room for one: the call is to make an entry
	done   chan struct{} // closed when the result is there
	index  uint64
	err    error
}

// own is a copy of what a node tells, for the log and the state to keep: the
// node may be in this process and go on with what it holds.
func (q *statusQueue) own(u *nl.AllocUpdate) *nl.AllocUpdate {
	q.texts.Lock()
	defer q.texts.Unlock()
	return q.known.Own(u)
}

// write returns when the status is committed. The index is that of the commit.
func (q *statusQueue) write(ctx context.Context, u *op.UpdateAllocs) (uint64, error) {
	c := &statusCall{update: u, turn: make(chan struct{}, 1), done: make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, c)
	mine := q.flying < StatusEntriesMax
	if mine {
		q.flying++
	}
	q.mu.Unlock()
	if !mine {
		select {
		case <-c.done:
			return c.index, c.err
		case <-c.turn:
		case <-ctx.Done():
			// It may have been taken into an entry, or been given the turn.
			if q.withdraw(c) {
				return 0, ctx.Err()
			}
			select {
			case <-c.done:
				return c.index, c.err
			case <-c.turn:
			}
		}
	}
	q.fly(ctx)
	<-c.done
	return c.index, c.err
}

// withdraw takes a call out of the queue, unless it is not there or has the
// turn.
func (q *statusQueue) withdraw(c *statusCall) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(c.turn) > 0 {
		return false
	}
	for i, w := range q.waiting {
		if w == c {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// fly writes what waits as one entry and hands the turn on.
func (q *statusQueue) fly(ctx context.Context) {
	q.mu.Lock()
	n := q.next()
	batch := append([]*statusCall(nil), q.waiting[:n]...)
	q.waiting = append(q.waiting[:0], q.waiting[n:]...)
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateEntryTimeout)
	defer cancel()
	q.commit(ctx, batch)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.flying--
		return
	}
	q.waiting[0].turn <- struct{}{}
}

func (q *statusQueue) commit(ctx context.Context, batch []*statusCall) {
	var o op.Op = batch[0].update
	if len(batch) > 1 {
		b := &op.Batch{}
		for _, c := range batch {
			b.Ops = append(b.Ops, c.update)
		}
		o = b
	}
	// The state takes all status: an error is the log's, and everybody's.
	r, err := q.propose(ctx, o)
	for _, c := range batch {
		c.index, c.err = r.Index, err
		close(c.done)
	}
}

// next is how many of those that wait share an entry.
func (q *statusQueue) next() int {
	allocs := 0
	for i, c := range q.waiting {
		if allocs += len(c.update.Updates); i > 0 && (i == updateCallsMax || allocs > updateAllocsMax) {
			return i
		}
	}
	return len(q.waiting)
}
