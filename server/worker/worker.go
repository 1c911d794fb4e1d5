// Package worker runs the scheduler. Every server has a pool of workers; each
// takes an evaluation from the leader's broker, waits for the state it needs,
// lets the scheduler decide, submits the plan and tells the broker how it
// ended. What is decided is the scheduler's business, and what is committed
// the applier's: a worker writes nothing but through plans.
package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

const (
	// stateWaitMax is how long a worker waits for its server to catch up with
	// the leader before it gives the evaluation back.
	stateWaitMax = 5 * time.Second
	// backoffMin and backoffMax bound the pause after a broker could not be
	// reached: short, since a new leader is found within a second.
	backoffMin = 20 * time.Millisecond
	backoffMax = 250 * time.Millisecond
	// roundsMax bounds the plans for one delivery of an evaluation, whatever
	// progress they make: each must place something, and a later evaluation
	// continues.
	roundsMax = 200
	// countMax bounds the workers of one server.
	countMax = 1024
)

// Broker hands out evaluations: the local one on the leader, else the leader's.
type Broker interface {
	Dequeue(ctx context.Context, types []string) (eval *nl.Eval, token string, waitIndex uint64, err error)
	Ack(evalID, token string) error
	Nack(evalID, token string) error
}

// Plans commits plans: the applier on the leader, else the leader's.
type Plans interface {
	Submit(ctx context.Context, p *nl.Plan) (*nl.PlanResult, error)
}

// Config is what workers stand on. Store, Broker, Plans and NewID are required.
type Config struct {
	Store  *store.Store
	Broker Broker
	Plans  Plans
	// Schedule and Exhausted are those of package sched when nil.
	Schedule  func(s *store.Snapshot, e *nl.Eval, in sched.Input) (*sched.Outcome, error)
	Exhausted func(e *nl.Eval, in sched.Input, attempts int) []*nl.Eval

	Count int      // workers; 0 runs none
	Types []string // of evaluations to take; none: all

	NewID  func() string
	Now    func() time.Time // time.Now when nil
	Logger hclog.Logger     // silent when nil
	// Observe is told how long the phases of an evaluation took; may be nil.
	Observe func(phase string, took time.Duration)
}

// AllTypes are the evaluation types there are schedulers for.
func AllTypes() []string {
	return []string{nl.JobTypeService, nl.JobTypeBatch, nl.JobTypeSystem, nl.JobTypeSysBatch}
}

// Pool is the workers of one server.
type Pool struct {
	cfg     Config
	changed chan struct{} // the settings have changed
	busy    busy

	mu      sync.Mutex
	count   int
	types   []string
	paused  bool
	workers []*worker
}

// New makes a pool; Run starts it.
func New(cfg Config) (*Pool, error) {
	if cfg.Store == nil || cfg.Broker == nil || cfg.Plans == nil || cfg.NewID == nil {
		return nil, errors.New("worker: Store, Broker, Plans and NewID are required")
	}
	cfg.fill()
	p := &Pool{cfg: cfg, changed: make(chan struct{}, 1)}
	if err := p.Configure(cfg.Count, cfg.Types); err != nil {
		return nil, err
	}
	return p, nil
}

// fill completes the optional fields.
func (c *Config) fill() {
	if c.Schedule == nil {
		c.Schedule = sched.Schedule
	}
	if c.Exhausted == nil {
		c.Exhausted = sched.Exhausted
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration) {}
	}
}

// Configure changes how many workers there are and what they take. Running
// evaluations are finished first.
func (p *Pool) Configure(count int, types []string) error {
	if count < 0 || count > countMax {
		return nl.Errorf(nl.CodeInvalid, "number of schedulers must be between 0 and %d, got %d", countMax, count)
	}
	if len(types) == 0 {
		types = AllTypes()
	}
	for _, t := range types {
		if t != nl.JobTypeCore && !slices.Contains(AllTypes(), t) {
			return nl.Errorf(nl.CodeInvalid, "unknown scheduler %q: must be one of %v", t, AllTypes())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count, p.types = count, slices.Clone(types)
	p.notify()
	return nil
}

// Settings are what Configure set.
func (p *Pool) Settings() (count int, types []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count, slices.Clone(p.types)
}

// Pause stops taking evaluations, or goes on.
func (p *Pool) Pause(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused != paused {
		p.paused = paused
		p.notify()
	}
}

// Workers describes every worker.
func (p *Pool) Workers() []*nl.AgentSchedulerWorkerInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*nl.AgentSchedulerWorkerInfo, 0, len(p.workers))
	for _, w := range p.workers {
		out = append(out, w.info())
	}
	return out
}

// notify tells Run that the settings changed. The caller holds the lock.
func (p *Pool) notify() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run works until ctx ends and every worker has stopped.
func (p *Pool) Run(ctx context.Context) error {
	for {
		round, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		for _, w := range p.crew() {
			running.Go(func() { w.run(ctx, round) })
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
		}
		stop()
		running.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// crew makes the workers of the settings, none to run while paused.
func (p *Pool) crew() []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers = p.workers[:0:0]
	for range p.count {
		w := &worker{cfg: &p.cfg, busy: &p.busy, types: p.types, id: p.cfg.NewID(), started: p.cfg.Now()}
		w.set(statusStarting, workStopped)
		if p.paused {
			w.set(statusPaused, workPaused)
		}
		p.workers = append(p.workers, w)
	}
	if p.paused {
		return nil
	}
	return slices.Clone(p.workers)
}

// worker is one of them.
type worker struct {
	cfg     *Config
	busy    *busy
	types   []string
	id      string
	started time.Time

	mu     sync.Mutex
	status string
	work   string
}

// What a worker shows of itself.
const (
	statusStarting = "Starting"
	statusStarted  = "Started"
	statusPaused   = "Paused"
	statusStopped  = "Stopped"

	workRunning    = "Running"
	workWaiting    = "WaitingToDequeue"
	workState      = "WaitingForRaft"
	workScheduling = "Scheduling"
	workSubmitting = "Submitting"
	workBackoff    = "Backoff"
	workStopped    = "Stopped"
	workPaused     = "Paused"
)

func (w *worker) set(status, work string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.work = status, work
}

func (w *worker) info() *nl.AgentSchedulerWorkerInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &nl.AgentSchedulerWorkerInfo{
		Id: w.id, EnabledSchedulers: w.types, Started: w.started.UTC().Format(time.RFC3339Nano),
		Status: w.status, WorkloadStatus: w.work,
	}
}

// run takes evaluations until round ends; what it has begun it finishes unless
// ctx ends, too.
func (w *worker) run(ctx, round context.Context) {
	defer w.set(statusStopped, workStopped)
	backoff := backoffMin
	for round.Err() == nil {
		w.set(statusStarted, workWaiting)
		e, token, index, err := w.cfg.Broker.Dequeue(round, w.types)
		if err != nil {
			w.set(statusStarted, workBackoff)
			pause(round, backoff)
			backoff = min(2*backoff, backoffMax)
			continue
		}
		if e == nil {
			continue // a remote broker had nothing for as long as it waits
		}
		backoff = backoffMin
		w.set(statusStarted, workRunning)
		w.deliver(ctx, e, token, index)
	}
}

// deliver works on one evaluation and tells the broker how it ended.
func (w *worker) deliver(ctx context.Context, e *nl.Eval, token string, index uint64) {
	if err := w.process(ctx, e, token, index); err != nil {
		if ctx.Err() == nil {
			w.cfg.Logger.Warn("evaluation given back", "eval", e.ID, "job", e.JobID, "namespace", e.Namespace, "error", err)
		}
		// Should this not arrive, the broker takes it back by itself.
		if err := w.cfg.Broker.Nack(e.ID, token); err != nil {
			w.cfg.Logger.Debug("could not give evaluation back", "eval", e.ID, "error", err)
		}
		return
	}
	if err := w.cfg.Broker.Ack(e.ID, token); err != nil {
		w.cfg.Logger.Debug("could not acknowledge evaluation", "eval", e.ID, "error", err)
	}
}

// process schedules until everything that can be placed is committed, or the
// scheduler's attempts are used up.
func (w *worker) process(ctx context.Context, e *nl.Eval, token string, index uint64) error {
	d := NewDelivery(e, token, index)
	d.Busy = func() []string { return w.busy.others(w) }
	for {
		over, done := d.Over()
		if done {
			return nil
		}
		if over {
			break
		}
		s, err := w.state(ctx, d.Index)
		if err != nil {
			return fmt.Errorf("waiting for state %d: %w", d.Index, err)
		}
		w.set(statusStarted, workScheduling)
		plan, err := d.Plan(w.cfg, s)
		if err != nil {
			return fmt.Errorf("scheduling: %w", err)
		}
		w.busy.set(w, plan)
		result, err := w.submit(ctx, plan)
		w.busy.set(w, nil)
		if err != nil {
			return fmt.Errorf("submitting plan: %w", err)
		}
		d.Committed(result)
	}
	if _, err := w.submit(ctx, d.GiveUp(w.cfg, w.cfg.Store.Snapshot())); err != nil {
		return fmt.Errorf("writing that attempts are used up: %w", err)
	}
	return nil
}

// state is a snapshot at least as new as index.
func (w *worker) state(ctx context.Context, index uint64) (*store.Snapshot, error) {
	if s := w.cfg.Store.Snapshot(); s.Index() >= index {
		return s, nil
	}
	w.set(statusStarted, workState)
	start := w.cfg.Now()
	defer func() { w.cfg.Observe("worker.wait_for_index", w.cfg.Now().Sub(start)) }()
	ctx, cancel := context.WithTimeout(ctx, stateWaitMax)
	defer cancel()
	return w.cfg.Store.WaitIndex(ctx, index)
}

func (w *worker) submit(ctx context.Context, plan *nl.Plan) (*nl.PlanResult, error) {
	w.set(statusStarted, workSubmitting)
	start := w.cfg.Now()
	defer func() { w.cfg.Observe("worker.submit_plan", w.cfg.Now().Sub(start)) }()
	return w.cfg.Plans.Submit(ctx, plan)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
