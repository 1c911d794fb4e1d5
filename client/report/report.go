// Package report tells the servers what became of the node's allocations, in
// batches: the first change goes out at once, and what changes while a call is
// under way goes out with the next one. Runners feed it; it never decides what
// a status is.
package report

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// lazyDelay is how long news that nobody waits for are collected.
	lazyDelay = 200 * time.Millisecond
	// retryMin and retryMax bound the pause after a call that failed.
	retryMin = 200 * time.Millisecond
	retryMax = 5 * time.Second
	// batchMax is how many allocations one call tells of.
	batchMax = 1000
)

// Send tells the servers.
type Send func(ctx context.Context, updates []*nl.AllocUpdate) error

// Batcher collects updates and sends them.
type Batcher struct {
	send Send
	log  hclog.Logger

	mu      sync.Mutex
	pending map[string]*nl.AllocUpdate
	urgent  bool
	wake    chan struct{}
}

// New makes a batcher.
func New(send Send, log hclog.Logger) *Batcher {
	return &Batcher{send: send, log: log, pending: map[string]*nl.AllocUpdate{}, wake: make(chan struct{}, 1)}
}

// Put queues an update; it replaces an older one of the same allocation.
func (b *Batcher) Put(u *nl.AllocUpdate, urgent bool) {
	b.mu.Lock()
	b.pending[u.ID] = u
	b.urgent = b.urgent || urgent
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Forget drops what is queued of an allocation that the servers do not know.
func (b *Batcher) Forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pending, id)
}

// take removes the next batch from the queue.
func (b *Batcher) take() []*nl.AllocUpdate {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*nl.AllocUpdate
	for _, id := range slices.Sorted(maps.Keys(b.pending)) {
		if len(out) == batchMax {
			return out
		}
		out = append(out, b.pending[id])
		delete(b.pending, id)
	}
	b.urgent = false
	return out
}

// giveBack queues what could not be told, unless there is something newer.
func (b *Batcher) giveBack(list []*nl.AllocUpdate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.urgent = true
	for _, u := range list {
		if b.pending[u.ID] == nil {
			b.pending[u.ID] = u
		}
	}
}

// hurry tells whether what is queued need not wait for company.
func (b *Batcher) hurry() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.urgent || len(b.pending) == 0
}

// Run sends until ctx ends.
func (b *Batcher) Run(ctx context.Context) error {
	pause := retryMin
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.wake:
		}
		b.collect(ctx)
		for {
			list := b.take()
			if len(list) == 0 {
				break
			}
			err := b.send(ctx, list)
			if err == nil {
				pause = retryMin
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.log.Warn("servers were not told of allocations", "error", err, "retry", pause)
			b.giveBack(list)
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			case <-timer.C:
			}
			pause = min(pause*2, retryMax)
		}
	}
}

// collect waits for company, unless somebody waits for what is queued.
func (b *Batcher) collect(ctx context.Context) {
	if b.hurry() {
		return
	}
	timer := time.NewTimer(lazyDelay)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-b.wake:
			if b.hurry() {
				return
			}
		}
	}
}
