// Package applier commits plans. On the leader it takes plans of all workers,
// the most important first, verifies each against the newest state and what is
// already on its way into the log, proposes what fits, and tells the worker
// what became of it. Workers call Submit; the server runs Run while it leads.
// It never decides where something is placed: what does not fit is dropped,
// node by node, for the scheduler to try again.
package applier

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
)

const (
	// EntriesMax bounds the entries of the log that are proposed and not yet
	// committed: one is written to disk while the next is verified.
	EntriesMax = 2
	// entryPlansMax and entryAllocsMax bound what goes into one entry. Plans of
	// many small jobs share a write to disk; a single larger plan is not split.
	entryPlansMax  = 64
	entryAllocsMax = 4096
	// startMax is how long a plan waits for Run to begin: workers may be a
	// moment earlier on a new leader.
	startMax = time.Second
	// queueMax bounds the plans that wait, far above the number of workers,
	// each of which waits for one.
	queueMax = 8192
)

// errNotLeader is the answer while Run does not run.
var errNotLeader = nl.Errorf(nl.CodeUnavailable, "plan refused: this server does not lead; the evaluation is delivered again by the one that does")

// Config is what an applier stands on. Store, Propose, Verify and Outstanding
// are required.
type Config struct {
	Store *store.Store
	// Propose puts an op into the log and returns the index of its commit.
	Propose func(ctx context.Context, o op.Op) (uint64, error)
	// Verify gives the part of a plan that fits beside what is ahead of it, the
	// plan itself when that is all of it, and the nodes that have no room for
	// their part.
	Verify func(s *store.Snapshot, ahead []*verify.Ahead, p *nl.Plan) (accepted *nl.Plan, rejected []string)
	// Outstanding is an error unless the evaluation is with the worker that
	// has token: plans of those that were given up on are refused.
	Outstanding func(evalID, token string) error
	// Rejections tracks nodes whose part of plans is rejected over and over;
	// nil does not.
	Rejections *Rejections
	// EntryPlans bounds the plans of one entry of the log; 0 is 64.
	EntryPlans int
	Now        func() time.Time // time.Now when nil
	Logger     hclog.Logger     // silent when nil
	// Observe is told how long the phases of a plan took; may be nil.
	Observe func(phase string, took time.Duration)
}

// Applier commits plans.
type Applier struct {
	cfg   Config
	wake  chan struct{} // there is something in the queue
	slots chan struct{} // one for each entry in the log that is not committed

	mu      sync.Mutex
	running bool
	begun   chan struct{} // closed when Run begins
	queue   planQueue
	flights []*flight
	// rejected counts the rejections of each node since the start.
	rejected map[string]uint64
}

// submission is a plan and who waits for it.
type submission struct {
	plan  *nl.Plan
	order uint64 // of arrival
	// done is told once what became of the plan; it must not block.
	done func(result *nl.PlanResult, err error)
}

// flight is one proposed entry of the log.
type flight struct {
	held   verify.Ahead // what it changes, if it arrives
	landed bool         // its fate is known
	// awaited are those who wait for that.
	awaited []*landing
}

// landing is what is done once a number of flights have landed.
type landing struct {
	left int
	then func()
}

// New makes an applier.
func New(cfg Config) (*Applier, error) {
	if cfg.Store == nil || cfg.Propose == nil || cfg.Verify == nil || cfg.Outstanding == nil {
		return nil, errors.New("applier: Store, Propose, Verify and Outstanding are required")
	}
	if cfg.EntryPlans <= 0 {
		cfg.EntryPlans = entryPlansMax
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, time.Duration) {}
	}
	return &Applier{
		rejected: map[string]uint64{},
		cfg:      cfg, wake: make(chan struct{}, 1), slots: make(chan struct{}, EntriesMax), begun: make(chan struct{}),
	}, nil
}

// Submit waits until a plan is committed, as far as it fits.
func (a *Applier) Submit(ctx context.Context, p *nl.Plan) (*nl.PlanResult, error) {
	if err := a.cfg.Outstanding(p.EvalID, p.EvalToken); err != nil {
		return nil, err
	}
	since := a.cfg.Now()
	if err := a.begin(ctx); err != nil {
		return nil, err
	}
	type outcome struct {
		result *nl.PlanResult
		err    error
	}
	answer := make(chan outcome, 1)
	if err := a.enqueue(&submission{plan: p, done: func(r *nl.PlanResult, err error) { answer <- outcome{r, err} }}); err != nil {
		return nil, err
	}
	select {
	case o := <-answer:
		a.cfg.Observe("plan.submit", a.cfg.Now().Sub(since))
		return o.result, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Enqueue is Submit for those who do not wait: done is called once, by whoever
// calls Commit or SetRunning, unless there is an error here.
func (a *Applier) Enqueue(p *nl.Plan, done func(*nl.PlanResult, error)) error {
	if err := a.cfg.Outstanding(p.EvalID, p.EvalToken); err != nil {
		return err
	}
	return a.enqueue(&submission{plan: p, done: done})
}

// Depth is how many plans wait.
func (a *Applier) Depth() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.queue.len()
}

// Run commits plans until ctx ends.
func (a *Applier) Run(ctx context.Context) error {
	a.SetRunning(true)
	var commits sync.WaitGroup
	defer commits.Wait()
	defer a.SetRunning(false)
	for {
		// The slot comes first: while the log is busy, plans gather.
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		e := a.take(ctx)
		if e == nil {
			<-a.slots
			return ctx.Err()
		}
		commits.Go(func() {
			defer func() { <-a.slots }()
			a.Commit(ctx, e)
		})
	}
}

// SetRunning opens or closes the queue; what is left in it is refused. Run does
// it for those that call Run.
func (a *Applier) SetRunning(running bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running = running
	if running {
		close(a.begun)
		return
	}
	a.begun = make(chan struct{})
	for s := a.queue.pop(); s != nil; s = a.queue.pop() {
		s.done(nil, errNotLeader)
	}
}

// begin waits until Run runs.
func (a *Applier) begin(ctx context.Context) error {
	a.mu.Lock()
	running, begun := a.running, a.begun
	a.mu.Unlock()
	if running {
		return nil
	}
	timer := time.NewTimer(startMax)
	defer timer.Stop()
	select {
	case <-begun:
		return nil
	case <-timer.C:
		return errNotLeader
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *Applier) enqueue(s *submission) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.running {
		return errNotLeader
	}
	if a.queue.len() >= queueMax {
		return nl.Errorf(nl.CodeTooMany, "plan of evaluation %s refused: %d plans wait already; it is tried again later", s.plan.EvalID, queueMax)
	}
	a.queue.push(s)
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return nil
}

// take waits for plans and gives the next entry, nil when ctx ends.
func (a *Applier) take(ctx context.Context) *Entry {
	for {
		if e := a.Next(); e != nil {
			return e
		}
		select {
		case <-a.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// Next takes what waits and fits into one entry of the log, and verifies it;
// nil when nothing waits. At most EntriesMax entries may be under way: between
// Next and the end of Commit.
func (a *Applier) Next() *Entry {
	if batch := a.next(); len(batch) > 0 {
		return a.verify(batch)
	}
	return nil
}

func (a *Applier) next() []*submission {
	a.mu.Lock()
	defer a.mu.Unlock()
	var batch []*submission
	allocs := 0
	for len(batch) < a.cfg.EntryPlans {
		s := a.queue.head()
		if s == nil {
			break
		}
		size := len(s.plan.Place) + len(s.plan.Stop) + len(s.plan.Preempt)
		if len(batch) > 0 && allocs+size > entryAllocsMax {
			break
		}
		allocs += size
		batch = append(batch, a.queue.pop())
	}
	return batch
}
