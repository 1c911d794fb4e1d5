// Package watch holds the loops that the leader runs: heartbeats of nodes,
// deployments, drains, periodic jobs, garbage collection and root keys. What
// each decides is a pure function of time and state in nomadlike/...; here is
// the one shell they share, which looks, decides, proposes and waits. Loops
// never call each other: they meet in the state. The server calls Run when it
// starts to lead and ends its context when it stops.
package watch

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/drain"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/periodic"
	"github.com/nomadlike/nomadlike/nomadlike/rebalance"
	"github.com/nomadlike/nomadlike/nomadlike/rollout"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Defaults of Config.
const (
	// GCInterval is how often garbage is looked for.
	GCInterval = 5 * time.Minute
	// RootKeyRotation is how long one root key is used.
	RootKeyRotation = 720 * time.Hour
)

// Least time between two looks of a loop. They gather what belongs together
// and bound what a loop costs on a busy cluster.
const (
	rolloutSpacing   = 50 * time.Millisecond
	drainSpacing     = 100 * time.Millisecond
	rebalanceSpacing = time.Second
	periodicSpacing  = 200 * time.Millisecond
	heartbeatSpacing = 250 * time.Millisecond
	lockSpacing      = 250 * time.Millisecond
	keySpacing       = time.Second
	gcSpacing        = time.Second // between collections that leave something
)

// Config is what the loops stand on. Store, Propose, NewID and Random are
// required.
type Config struct {
	Store   *store.Store
	Propose func(ctx context.Context, o op.Op) (uint64, error)
	NewID   func() string
	Random  io.Reader // of cryptographic quality, for keys
	Now     func() time.Time
	// Jitter gives a number in [0,1) to spread heartbeats with; nil is 0.
	Jitter func() float64
	Logger hclog.Logger // silent when nil

	Heartbeats HeartbeatConfig
	GC         *gc.Ages      // nil: gc.Default
	GCInterval time.Duration // 0: GCInterval
	// RootKeyAge is how long keys that are used no longer are kept; 0 is
	// gc.RootKeyAge. RootKeyRotation 0 is RootKeyRotation.
	RootKeyAge      time.Duration
	RootKeyRotation time.Duration
}

// Watch runs the leader's loops.
type Watch struct {
	cfg   Config
	beats *Heartbeats
	locks *locks

	mu    sync.Mutex
	loops []*Loop // while Run runs; the first is that of heartbeats
}

// New checks the configuration and subscribes to the store's commits.
func New(cfg Config) (*Watch, error) {
	if cfg.Store == nil || cfg.Propose == nil || cfg.NewID == nil || cfg.Random == nil {
		return nil, errors.New("watch: Store, Propose, NewID and Random are required")
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
	if cfg.GC == nil {
		ages := gc.Default
		cfg.GC = &ages
	}
	if cfg.GCInterval == 0 {
		cfg.GCInterval = GCInterval
	}
	if cfg.RootKeyAge == 0 {
		cfg.RootKeyAge = gc.RootKeyAge
	}
	if cfg.RootKeyRotation == 0 {
		cfg.RootKeyRotation = RootKeyRotation
	}
	w := &Watch{cfg: cfg, beats: NewHeartbeats(cfg.Heartbeats), locks: newLocks()}
	cfg.Store.OnCommit(w.commit)
	return w, nil
}

// Run runs every loop until ctx ends and all of them have stopped.
func (w *Watch) Run(ctx context.Context) error {
	loops := w.Begin()
	defer w.End()
	var running sync.WaitGroup
	for _, l := range loops {
		running.Go(func() { l.run(ctx, &w.cfg) })
	}
	running.Wait()
	return ctx.Err()
}

// Begin makes the loops, with no memory of an earlier time as leader, for a
// caller that calls Look by itself instead of Run; End drops them.
func (w *Watch) Begin() []*Loop {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.cfg
	w.beats.Reset(c.Now(), c.Store.Snapshot())
	w.locks.reset()
	deployments, balancer, periodics := rollout.New(), rebalance.New(), periodic.New()
	w.loops = []*Loop{
		newLoop("heartbeats", heartbeatSpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return w.beats.Step(now, s, c.NewID)
		}, store.TableNodes, store.TableAllocs),
		newLoop("deployments", rolloutSpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return deployments.Step(now, s, c.NewID)
		}, store.TableDeployments, store.TableAllocs, store.TableJobs),
		newLoop("drains", drainSpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return drain.Step(now, s, c.NewID)
		}, store.TableNodes, store.TableAllocs, store.TableJobs),
		newLoop("rebalancing", rebalanceSpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return balancer.Step(now, s, c.NewID)
		}, store.TableNodes, store.TableAllocs, store.TableJobs, store.TableEvals, store.TableDeployments),
		newLoop("periodic jobs", periodicSpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return periodics.Step(now, s, c.NewID)
		}, store.TableJobs),
		newLoop("keys", keySpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return keysStep(c, now, s)
		}, store.TableRootKeys),
		newLoop("encryption", keySpacing, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return rekeyStep(c, now, s)
		}, store.TableRootKeys, store.TableVariables),
		newLoop("locks", lockSpacing, w.locks.step, store.TableVariables),
		newLoop("garbage", 0, func(now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
			return garbageStep(c, now, s)
		}),
	}
	w.loops[0].proposed = w.beats.proposed
	w.loops[1].forget = func() { deployments = rollout.New() }
	return w.loops
}

// End drops the loops.
func (w *Watch) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loops = nil
}

// Look lets a loop decide and propose once, and tells when it is to look again
// even if no table of it changes; the zero time is never.
func (w *Watch) Look(ctx context.Context, l *Loop) (next time.Time) {
	return l.look(ctx, &w.cfg, w.cfg.Now())
}

// commit wakes the loops that a commit concerns. It runs in the goroutine that
// applies the log.
func (w *Watch) commit(c store.Commit) {
	w.mu.Lock()
	loops := w.loops
	w.mu.Unlock()
	if len(loops) == 0 {
		return
	}
	var changed tables
	for i := range c.Changes {
		changed.add(c.Changes[i].Table)
	}
	for _, l := range loops {
		if c.Replaced || l.tables&changed != 0 {
			notify(l.wake)
		}
	}
}

// Beat grants a node time until it must be heard of again.
func (w *Watch) Beat(nodeID string) time.Duration {
	ttl, first := w.beats.Beat(w.cfg.Now(), nodeID, w.cfg.Jitter())
	if first {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.loops) > 0 {
			notify(w.loops[0].wake) // it waits for a later time, or for none
		}
	}
	return ttl
}

// Heard notes that a node that is watched was heard of otherwise.
func (w *Watch) Heard(nodeID string) { w.beats.Heard(w.cfg.Now(), nodeID) }

// Renew starts the time to live of the lock on a variable again.
func (w *Watch) Renew(v *nl.Variable) { w.locks.renew(w.cfg.Now(), v) }

// Forget ends watching a node that has left.
func (w *Watch) Forget(nodeID string) { w.beats.Forget(nodeID) }

// Beating is how many nodes are being watched.
func (w *Watch) Beating() int { return w.beats.Count() }

// garbageStep looks for garbage every so often, and again soon when it found
// some: what a collection takes may free more.
func garbageStep(c *Config, now time.Time, s *store.Snapshot) ([]op.Op, time.Time) {
	var ops []op.Op
	if o := gc.Collect(s, now, *c.GC); o != nil {
		ops = append(ops, o)
	}
	ops = append(ops, gc.RootKeys(s, now, c.RootKeyAge)...)
	if len(ops) > 0 {
		return ops, now.Add(gcSpacing)
	}
	return nil, now.Add(c.GCInterval)
}

// evalFor is an evaluation of a job that something happened to.
func evalFor(job *nl.Job, trigger string, now int64, id string) *nl.Eval {
	return &nl.Eval{
		ID: id, Namespace: job.Namespace, JobID: job.ID, Priority: job.Priority, Type: job.Type,
		TriggeredBy: trigger, Status: nl.EvalStatusPending, CreateTime: now, ModifyTime: now,
	}
}
