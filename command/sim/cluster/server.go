package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/work"
	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/sched"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/broker"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/watch"
	"github.com/nomadlike/nomadlike/server/worker"
)

// server is one server: what outlives its crashes.
type server struct {
	c      *Cluster
	id     int
	clock  *world.Clock
	random *rand.Rand
	life   *life // nil while it is down
}

// life is a server from a start to a crash: the parts of a real server, put
// together as package server does it.
type life struct {
	s      *server
	ctx    context.Context // ends with the life
	end    context.CancelFunc
	store  *store.Store
	broker *broker.Broker
	plans  *applier.Applier
	watch  *watch.Watch
	api    *endpoint.Endpoints
	work   worker.Config

	term    *term // while it leads
	workers []*simWorker
	streams []*stream
	updates int            // calls under way that tell of allocations
	waiting []func()       // such calls that wait
	changes []store.Change // of the entry being applied
	pumping bool
}

// term is a time of leading.
type term struct {
	ctx       context.Context
	end       context.CancelFunc
	loops     []*loop
	entries   int // of the applier, under way
	wake      *world.Timer
	wakeAt    time.Time
	writesOff bool
}

// start begins a life with what is on the disk.
func (s *server) start() {
	l := &life{s: s}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.store = store.New(s.c.log.open(s.id))
	s.life = l
	propose := func(ctx context.Context, o op.Op) (uint64, error) {
		r, err := s.c.log.propose(ctx, l, o)
		return r.Index, err
	}
	var err error
	l.broker, err = broker.New(broker.Config{
		Store: l.store, NewID: s.newID, Now: s.clock.Now, Jitter: s.random.Float64,
		Write: func(ctx context.Context, evals []*nl.Eval) error {
			_, err := propose(ctx, &op.UpsertEvals{Evals: evals})
			return err
		},
	})
	s.c.must(err)
	l.plans, err = applier.New(applier.Config{
		Store: l.store, Propose: propose, Verify: verify.Plan, Outstanding: l.broker.Outstanding,
		EntryPlans: s.c.cfg.PlanBatch, Now: s.clock.Now,
	})
	s.c.must(err)
	l.watch, err = watch.New(watch.Config{
		Store: l.store, Propose: propose, NewID: s.newID, Random: reader{s.random}, Now: s.clock.Now,
		Jitter: s.random.Float64,
	})
	s.c.must(err)
	l.store.OnCommit(l.commit)
	l.api = endpoint.New(endpoint.Config{
		Store: l.store, Log: logPort{l}, Nodes: noSessions{}, Heartbeats: l.watch, Locks: l.watch, Cluster: members{s.c},
		Logger: hclog.NewNullLogger(), Now: s.clock.Now, NewID: s.newID,
		Region: "global", Datacenter: "dc1", Name: fmt.Sprintf("server-%d", s.id), ID: fmt.Sprint(s.id), Version: version,
	})
	l.work = worker.Config{Store: l.store, NewID: s.newID, Now: s.clock.Now,
		Schedule: sched.Schedule, Exhausted: sched.Exhausted, Observe: func(string, time.Duration) {}}
	for i := range s.c.cfg.Workers {
		l.workers = append(l.workers, &simWorker{l: l, id: i})
	}
	s.c.w.Tracef("server %d starts at index %d", s.id, l.store.Snapshot().Index())
}

// version is what servers and nodes say they are.
const version = "2.0.6"

func (s *server) newID() string { return nl.NewID(reader{s.random}) }

// crash ends the life: what was in memory is gone.
func (s *server) crash() {
	l := s.life
	if l == nil {
		return
	}
	s.life = nil
	l.end()
	if l.term != nil {
		l.term.end()
	}
	s.c.log.crash(s.id)
	for _, st := range slices.Clone(l.streams) {
		st.line.Break()
	}
}

func (l *life) dead() bool { return l.s.life != l }

// leads tells whether this server leads and has caught up.
func (l *life) leads() bool {
	q := l.s.c.log
	return !l.dead() && q.leader == l.s.id && q.ready
}

// apply applies one entry of the log.
func (l *life) apply(index uint64, e *entry) (endpoint.Result, error) {
	o, err := l.decode(e)
	if err != nil {
		l.s.c.fail(fmt.Errorf("entry %d of the log cannot be read: %w", index, err))
		return endpoint.Result{}, err
	}
	if t := l.s.c.cfg.Tamper; t != nil {
		o = t(l.s.id, index, o)
	}
	l.changes = nil
	value, err := l.store.Apply(index, o)
	l.s.c.applied(l, index, e, o, l.changes, err)
	l.touch()
	return endpoint.Result{Index: index, Value: value}, err
}

// apartEvery is every how many seeds servers decode each entry by themselves,
// as real ones do. Decoding is a quarter of a run; that servers do not change
// what they share need not be seen in every run.
const apartEvery = 16

func (l *life) decode(e *entry) (op.Op, error) {
	if e.op != nil && l.s.c.cfg.Seed%apartEvery != 0 {
		return e.op, nil
	}
	o, err := wire.DecodeOp(e.data)
	e.op = o
	return o, err
}

// commit notes what an entry changed.
func (l *life) commit(c store.Commit) { l.changes = c.Changes }

// process runs f as a process of this server.
func (l *life) process(f func()) {
	l.s.c.w.Go(f)
	l.touch()
}

// lead begins to lead, as package server does.
func (l *life) lead() {
	t := &term{}
	t.ctx, t.end = context.WithCancel(l.ctx)
	l.term = t
	l.process(func() {
		if !l.found(t.ctx) || l.term != t {
			return
		}
		l.s.c.w.Tracef("server %d leads", l.s.id)
		l.broker.SetLeader(true)
		l.plans.SetRunning(true)
		for _, w := range l.watch.Begin() {
			t.loops = append(t.loops, &loop{l: l, t: t, loop: w})
		}
		for _, lp := range t.loops {
			lp.look()
		}
		l.touch()
	})
}

// found writes what a new cluster begins with, and the namespace that is under a
// quota. The root key is made up: making
// a real one takes longer than a whole run.
func (l *life) found(ctx context.Context) bool {
	if l.store.Snapshot().ClusterID() != "" && l.store.Snapshot().ActiveRootKey() != nil {
		return true
	}
	now := l.s.clock.Now()
	key := &nl.RootKey{
		Meta:       &nl.RootKeyMeta{KeyID: l.s.newID(), Algorithm: "aes256-gcm", CreateTime: now.UnixNano(), State: "active"},
		Encryption: make([]byte, 32), Signing: []byte("simulated"),
	}
	_, err := l.s.c.log.propose(ctx, l, &op.Batch{Ops: []op.Op{
		&op.SetClusterID{ID: l.s.newID(), CreateTime: now}, &op.UpsertRootKey{Key: key, Activate: true},
		&op.UpsertQuotas{Quotas: []*nl.QuotaSpec{work.BuildQuota(l.s.c.cfg.Quota)}},
		&op.UpsertNamespaces{Namespaces: []*nl.Namespace{{Name: work.Team, Quota: work.Quota}}},
	}})
	return err == nil
}

// unlead stops leading.
func (l *life) unlead() {
	t := l.term
	if t == nil {
		return
	}
	l.term = nil
	t.end()
	l.s.c.w.Cancel(t.wake)
	if len(t.loops) > 0 {
		l.watch.End()
		l.plans.SetRunning(false)
		l.broker.SetLeader(false)
	}
}

// touch has the server look, after what happens now, what there is to do.
func (l *life) touch() {
	if l.pumping || l.dead() {
		return
	}
	l.pumping = true
	l.s.c.w.After(0, func() {
		l.pumping = false
		if !l.dead() && l.s.c.err == nil {
			l.pump()
		}
	})
}

func (l *life) pump() {
	if t := l.term; t != nil && len(t.loops) > 0 {
		for _, lp := range t.loops {
			lp.wake()
		}
		l.commitPlans(t)
		l.tendBroker(t)
		l.assign()
	}
	for _, w := range l.workers {
		w.look()
	}
	l.feed()
}

// commitPlans begins entries of the applier.
func (l *life) commitPlans(t *term) {
	for t.entries < applier.EntriesMax {
		e := l.plans.Next()
		if e == nil {
			return
		}
		t.entries++
		l.process(func() {
			l.plans.Commit(t.ctx, e)
			t.entries--
			l.touch()
		})
	}
}

// tendBroker does what time makes due.
func (l *life) tendBroker(t *term) {
	w := l.s.c.w
	if at := l.broker.Wake(); !at.Equal(t.wakeAt) {
		t.wakeAt = at
		w.Cancel(t.wake)
		if !at.IsZero() {
			t.wake = w.After(l.s.clock.Until(at), func() {
				t.wakeAt = time.Time{}
				if l.term == t && !l.dead() {
					l.broker.Tick()
					l.touch()
				}
			})
		}
	}
	if l.broker.Due() && !t.writesOff {
		t.writesOff = true
		w.After(broker.ReapDelay, func() {
			l.process(func() {
				l.broker.WriteOff(t.ctx)
				t.writesOff = false
			})
		})
	}
}

// loop is one of the leader's loops.
type loop struct {
	l     *life
	t     *term
	loop  *watch.Loop
	busy  bool
	began time.Duration
	timer *world.Timer
	due   time.Duration
}

// look lets the loop decide and propose once.
func (lp *loop) look() {
	if lp.busy || lp.l.term != lp.t || lp.l.dead() {
		return
	}
	w := lp.l.s.c.w
	w.Cancel(lp.timer)
	lp.busy, lp.began, lp.timer = true, w.Now(), nil
	lp.l.process(func() {
		next := lp.l.watch.Look(lp.t.ctx, lp.loop)
		lp.busy = false
		if !next.IsZero() {
			lp.at(w.Now() + lp.l.s.clock.Until(next))
		}
	})
}

// wake has the loop look again because something changed.
func (lp *loop) wake() {
	if !lp.busy && lp.loop.Woken() {
		lp.at(lp.l.s.c.w.Now())
	}
}

// at makes the loop look at a time, if not sooner, and keeps its spacing.
func (lp *loop) at(due time.Duration) {
	due = max(due, lp.began+lp.loop.Spacing())
	if lp.timer != nil && lp.due <= due {
		return
	}
	w := lp.l.s.c.w
	w.Cancel(lp.timer)
	lp.due = due
	lp.timer = w.After(due-w.Now(), func() { lp.timer = nil; lp.look() })
}

// logPort is the log as endpoints see it.
type logPort struct{ l *life }

func (p logPort) Propose(ctx context.Context, o op.Op) (endpoint.Result, error) {
	return p.l.s.c.log.propose(ctx, p.l, o)
}
func (p logPort) IsLeader() bool { return p.l.leads() }
func (p logPort) LeaderAddr() string {
	if id := p.l.s.c.log.leader; id >= 0 {
		return address(id)
	}
	return ""
}
func (p logPort) LastContact() time.Duration    { return 0 }
func (p logPort) Barrier(context.Context) error { return nil }

// noSessions remembers nothing: nobody calls simulated nodes.
type noSessions struct{}

func (noSessions) Bind(context.Context, string) {}

// members are the servers, as endpoints see them.
type members struct{ c *Cluster }

func (m members) Servers(string) []endpoint.Member {
	var out []endpoint.Member
	for _, s := range m.c.servers {
		out = append(out, endpoint.Member{ID: fmt.Sprint(s.id), Name: fmt.Sprintf("server-%d", s.id), RPCAddr: address(s.id), Leader: m.c.log.leader == s.id})
	}
	return out
}
func (m members) Regions() []string { return []string{"global"} }

func address(id int) string { return fmt.Sprintf("10.255.0.%d:4647", id+1) }

// applied tells checkers of an applied entry.
func (c *Cluster) applied(l *life, index uint64, e *entry, o op.Op, changes []store.Change, err error) {
	first := index > c.highest
	if first {
		c.highest = index
		result := "ok"
		if err != nil {
			result = err.Error()
		}
		c.w.Tracef("entry %d %T %d changes: %s", index, o, len(changes), result)
		c.detail(changes)
	}
	c.observe(check.Applied{
		At: c.w.Now(), Server: l.s.id, Index: index, Sum: e.sum, Decided: e.decided, Snapshot: l.store.Snapshot(), Changes: changes, First: first,
	})
}

// acked tells checkers of an acknowledged entry.
func (c *Cluster) acked(index, sum uint64) {
	c.highestAck = max(c.highestAck, index)
	c.observe(check.Acked{Index: index, Sum: sum})
}
