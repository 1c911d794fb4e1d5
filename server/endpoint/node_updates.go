package endpoint

import (
	"context"
	"slices"
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
	lead   chan []*statusCall // room for one: the entry that the call is to write
	done   chan struct{}      // closed when the result is there
	index  uint64
	err    error
}

// own are copies of what a node tells, for the log and the state to keep: the
// node may be in this process and go on with what it holds. What is nil is left
// out.
func (q *statusQueue) own(updates []*nl.AllocUpdate) []nl.AllocUpdate {
	out := make([]nl.AllocUpdate, 0, len(updates))
	q.texts.Lock()
	defer q.texts.Unlock()
	for _, u := range updates {
		if u != nil {
			out = append(out, *u)
			q.known.Share(&out[len(out)-1])
		}
	}
	return out
}

// write returns when the status is committed. The index is that of the commit.
func (q *statusQueue) write(ctx context.Context, u *op.UpdateAllocs) (uint64, error) {
	c := &statusCall{update: u, lead: make(chan []*statusCall, 1), done: make(chan struct{})}
	batch := q.enter(c)
	if batch == nil {
		select {
		case <-c.done:
			return c.index, c.err
		case batch = <-c.lead:
		case <-ctx.Done():
			if q.withdraw(c) {
				return 0, ctx.Err()
			}
			// It is in an entry already, which may be this call's to write.
			select {
			case <-c.done:
				return c.index, c.err
			case batch = <-c.lead:
			}
		}
	}
	q.fly(ctx, batch)
	return c.index, c.err
}

// enter queues a call, and gives it the entry to write when there is room for
// one more in the log.
func (q *statusQueue) enter(c *statusCall) []*statusCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	if q.flying >= StatusEntriesMax {
		return nil
	}
	q.flying++
	return q.take()
}

// withdraw takes a call out of the queue, unless it is in an entry.
func (q *statusQueue) withdraw(c *statusCall) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.waiting, c)
	if at < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	return true
}

// fly writes calls as one entry, and hands the next, whole as it is, to the
// first call in it: each entry has one writer from the moment it is made up.
func (q *statusQueue) fly(ctx context.Context, batch []*statusCall) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateEntryTimeout)
	defer cancel()
	q.commit(ctx, batch)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.flying--
		return
	}
	next := q.take()
	next[0].lead <- next
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

// take removes from the queue what shares the next entry.
func (q *statusQueue) take() []*statusCall {
	n, allocs := 0, 0
	for _, c := range q.waiting {
		if allocs += len(c.update.Updates); n > 0 && (n == updateCallsMax || allocs > updateAllocsMax) {
			break
		}
		n++
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}
