// Package broker hands evaluations to workers. On the leader it holds every
// evaluation that is to be worked on or that waits for room, fed by the commits
// of the store; on other servers it is empty. Workers take from it directly or
// through the leader's endpoints. What it decides is in the pure packages queue
// and blocked; here are the lock, the clock and the waiting. It never runs the
// scheduler and never writes state itself, but for handing Reap's evaluations
// to the log.
package broker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/broker/blocked"
	"github.com/nomadlike/nomadlike/server/broker/queue"
)

// Config is what a broker stands on. Store, Write and NewID are required.
type Config struct {
	Store *store.Store
	// Write puts evaluations that the broker wrote off into the log.
	Write func(ctx context.Context, evals []*nl.Eval) error
	NewID func() string
	// Now is time.Now when nil.
	Now func() time.Time
	// Jitter gives a number in [0,1) to spread follow-ups with; nil is 0.
	Jitter func() float64
	Logger hclog.Logger // nil is silent
	Queue  queue.Config
}

// Broker hands evaluations to workers.
type Broker struct {
	cfg Config

	mu      sync.Mutex
	leader  bool
	paused  bool // by the scheduler configuration
	index   uint64
	queue   *queue.Queue
	blocked *blocked.Tracker
	armed   time.Time // when Run calls Tick next; zero: never
	waiters []*waiter // first come, first served; those of this server first

	alarm chan struct{} // tells Run that the next deadline may have changed
	reap  chan struct{} // tells Run that there is something to write off
}

// waiter is somebody in Dequeue.
type waiter struct {
	types []string
	local bool
	got   chan delivery // room for one, so that handing over never blocks
}

type delivery struct {
	eval  *nl.Eval
	token string
	index uint64
	err   error // nothing is handed over
}

// errNotLeader is the answer where no evaluations are.
var errNotLeader = nl.Errorf(nl.CodeUnavailable, "no evaluations here: this server does not lead; ask the one that does")

// New makes a broker and subscribes it to the store's commits. It hands out
// nothing until SetLeader(true).
func New(cfg Config) (*Broker, error) {
	if cfg.Store == nil || cfg.Write == nil || cfg.NewID == nil {
		return nil, errors.New("broker: Store, Write and NewID are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func() float64 { return 0 }
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	b := &Broker{
		cfg: cfg, queue: queue.New(cfg.Queue), blocked: blocked.New(),
		alarm: make(chan struct{}, 1), reap: make(chan struct{}, 1),
	}
	cfg.Store.OnCommit(b.commit)
	return b, nil
}

// SetLeader starts (with what the newest state holds) or stops handing out
// evaluations. Those that are with workers when it stops are forgotten: the
// next leader hands them out again.
func (b *Broker) SetLeader(leader bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leader = leader
	if !leader {
		for _, w := range b.waiters {
			w.got <- delivery{err: errNotLeader}
		}
		b.waiters = nil
	}
	b.rebuild(b.cfg.Store.Snapshot())
}

// Dequeue waits for an evaluation of one of the types. Whoever gets it must
// Ack or Nack it with the token; waitIndex is how new the state must be that
// it is worked on with. It is an error while this server does not lead.
func (b *Broker) Dequeue(ctx context.Context, types []string) (eval *nl.Eval, token string, waitIndex uint64, err error) {
	return b.dequeue(ctx, types, true)
}

// Remote is the broker as workers on other servers see it: they come second,
// since they must fetch the evaluation and wait for their state.
func (b *Broker) Remote() *Remote { return &Remote{b} }

// Remote serves workers of other servers.
type Remote struct{ b *Broker }

// Dequeue is Broker.Dequeue for another server.
func (r *Remote) Dequeue(ctx context.Context, types []string) (*nl.Eval, string, uint64, error) {
	return r.b.dequeue(ctx, types, false)
}

// Ack is Broker.Ack.
func (r *Remote) Ack(evalID, token string) error { return r.b.Ack(evalID, token) }

// Nack is Broker.Nack.
func (r *Remote) Nack(evalID, token string) error { return r.b.Nack(evalID, token) }

func (b *Broker) dequeue(ctx context.Context, types []string, local bool) (*nl.Eval, string, uint64, error) {
	w := &waiter{types: types, local: local, got: make(chan delivery, 1)}
	b.mu.Lock()
	if !b.leader {
		b.mu.Unlock()
		return nil, "", 0, errNotLeader
	}
	at := len(b.waiters)
	if local {
		at = slices.IndexFunc(b.waiters, func(o *waiter) bool { return !o.local })
		if at < 0 {
			at = len(b.waiters)
		}
	}
	b.waiters = slices.Insert(b.waiters, at, w)
	b.hand()
	b.mu.Unlock()

	select {
	case d := <-w.got:
		return d.eval, d.token, d.index, d.err
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiters = slices.DeleteFunc(b.waiters, func(o *waiter) bool { return o == w })
	select {
	case d := <-w.got: // handed over while giving up
		if d.err != nil {
			return nil, "", 0, d.err
		}
		b.queue.Return(b.cfg.Now(), d.eval.ID, d.token)
		b.hand()
	default:
	}
	return nil, "", 0, ctx.Err()
}

// Take is Dequeue for those who do not wait: eval is nil when nothing is ready.
func (b *Broker) Take(types []string) (eval *nl.Eval, token string, waitIndex uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.take(types)
}

// take gives what is ready. The caller holds the lock.
func (b *Broker) take(types []string) (*nl.Eval, string, uint64) {
	if !b.leader || b.paused {
		return nil, "", 0
	}
	e, token := b.queue.Dequeue(b.cfg.Now(), types, b.cfg.NewID)
	if e == nil {
		return nil, "", 0
	}
	return e, token, max(e.ModifyIndex, b.index)
}

// Ack says that an evaluation is finished.
func (b *Broker) Ack(evalID, token string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.queue.Ack(b.cfg.Now(), evalID, token)
	b.settle()
	return err
}

// Nack gives an evaluation back, to be delivered again after a while.
func (b *Broker) Nack(evalID, token string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.queue.Nack(b.cfg.Now(), evalID, token)
	b.settle()
	return err
}

// Outstanding tells whether the evaluation is with the worker that has token,
// and gives that worker its full time again.
func (b *Broker) Outstanding(evalID, token string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.Touch(b.cfg.Now(), evalID, token)
}

// Run does what time makes due and writes off what failed or was superseded,
// until ctx ends.
func (b *Broker) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	reaper := time.NewTimer(0)
	defer reaper.Stop()
	reaping := true // reaper is set
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			b.Tick()
		case <-b.alarm:
		case <-b.reap:
			if !reaping {
				reaping = true
				reaper.Reset(ReapDelay)
			}
			continue
		case <-reaper.C:
			reaping = false
			b.WriteOff(ctx)
			continue
		}
		timer.Stop()
		if wake := b.Wake(); !wake.IsZero() {
			timer.Reset(max(wake.Sub(b.cfg.Now()), 0))
		}
	}
}

// Tick does what is due.
func (b *Broker) Tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.cfg.Now()
	b.queue.Tick(now)
	for _, e := range b.blocked.Tick(now) {
		b.queue.Enqueue(now, e)
	}
	b.settle()
}

// Wake is when Tick has something to do next, the zero time for never; whoever
// asks promises to call it then. It is earlier after what makes it so.
func (b *Broker) Wake() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = b.next()
	return b.armed
}

// next is when Tick has something to do next, the zero time for never. The
// caller holds the lock.
func (b *Broker) next() time.Time {
	q, t := b.queue.Wake(), b.blocked.Wake()
	if q.IsZero() || !t.IsZero() && t.Before(q) {
		return t
	}
	return q
}

// settle follows every change: it hands out what became ready and tells Run.
// The caller holds the lock.
func (b *Broker) settle() {
	b.hand()
	if wake := b.next(); !wake.IsZero() && (b.armed.IsZero() || wake.Before(b.armed)) {
		notify(b.alarm)
	}
	if b.queue.Due() || b.blocked.Due() {
		notify(b.reap)
	}
}

// hand gives ready evaluations to those who wait. The caller holds the lock.
func (b *Broker) hand() {
	if !b.leader || b.paused {
		return
	}
	kept := b.waiters[:0]
	for _, w := range b.waiters {
		e, token, index := b.take(w.types)
		if e == nil {
			kept = append(kept, w)
			continue
		}
		w.got <- delivery{eval: e, token: token, index: index}
	}
	clear(b.waiters[len(kept):])
	b.waiters = kept
}

// notify leaves a message unless one is already there.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
