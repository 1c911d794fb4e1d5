// Package cluster is a whole simulated cluster: servers that run the real
// store, broker, scheduler, applier, leader's loops and endpoints; nodes that
// run the real allocation and task machines; users; and a model of consensus
// between the servers. All of it lives in a world of virtual time. What the
// real server does with goroutines that wait is done here by events, in the
// same steps. Nothing in it touches the machine it runs on.
package cluster

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/node"
	"github.com/nomadlike/nomadlike/command/sim/work"
	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Config is what a cluster depends on.
type Config struct {
	Seed    uint64
	Servers int
	Nodes   int // from the beginning; Capacity of them may ever be
	// Capacity is how many nodes steps may name.
	Capacity int
	Workers  int // of each server
	// PlanBatch bounds the plans of one entry of the log, SnapshotEvery is how
	// many entries are between two snapshots.
	PlanBatch, SnapshotEvery int
	Quota                    int // the limit that the cluster begins with; 0: none
	Faults                   work.Faults
	Steps                    []work.Step
	Steady                   bool
	Span                     time.Duration // of the safety phase

	Checkers []check.Checker
	Trace    io.Writer // nil: nobody reads it
	// Tamper replaces an op as a server applies it, for tests of checkers.
	Tamper func(server int, index uint64, o op.Op) op.Op
}

const (
	// settleMax bounds the liveness phase. The longest that is right is work that
	// fails each time and has one place for all of it: 8 allocations of a batch
	// job, 3 times, 2 runs of 25 seconds each, for a few such jobs.
	settleMax = 2 * time.Hour
	// quiet is how long nothing may have happened for a cluster to count as
	// settled: longer than any delay between an event and what follows it.
	quiet = 90 * time.Second
	// lookEvery is how often that is looked at.
	lookEvery = 15 * time.Second
	// stepsMax bounds the events of a run: one that spins is a failure.
	stepsMax = 20_000_000
)

// Purposes of sources of randomness.
const (
	purposeLog uint64 = iota + 1
	purposeNet
	purposeUsers
	purposeCluster
	purposeServer = 1000
	purposeClient = 2000
)

// Cluster is a run.
type Cluster struct {
	cfg     Config
	w       *world.World
	net     *world.Net
	random  *rand.Rand
	log     *sequencer
	servers []*server
	clients []*client
	users   users
	jobs    node.Jobs // that nodes were sent

	highest, highestAck uint64
	settling            bool
	err                 error
}

// Result is what came of a run.
type Result struct {
	Err     error
	Hash    uint64        // of the history
	Time    time.Duration // virtual
	Entries uint64        // of the log
	Final   *store.Snapshot
}

func place(server int) world.Place       { return world.Place(server) }
func clientPlace(client int) world.Place { return world.Place(1000 + client) }

const userPlace world.Place = 100

// Run runs a cluster through its steps, and lets it settle.
func Run(cfg Config) Result {
	c := &Cluster{cfg: cfg, w: world.New(cfg.Seed, cfg.Trace)}
	defer c.w.End()
	c.random = c.w.Random(purposeCluster)
	c.net = c.w.NewNet(c.w.Random(purposeNet), c.weather())
	c.compose()
	for i := range cfg.Steps {
		s := &cfg.Steps[i]
		c.w.After(s.At, func() { c.do(s) })
	}
	c.advance(cfg.Span)
	if c.err == nil {
		c.settle()
	}
	r := Result{Err: c.err, Hash: c.w.Hash(), Time: c.w.Now(), Entries: c.highest}
	if l := c.leader(); l != nil {
		r.Final = l.store.Snapshot()
		if c.err != nil && cfg.Trace != nil {
			c.dump(r.Final)
		}
	}
	return r
}

// weather is what links do when nothing particular happens.
func (c *Cluster) weather() world.Weather {
	w := world.Weather{Delay: 300 * time.Microsecond, Jitter: time.Millisecond}
	if c.cfg.Faults.Network {
		w.Slow, w.SlowBy, w.Loss, w.Repeat = 0.01, 2*time.Second, 0.002, 0.005
	}
	return w
}

func (c *Cluster) compose() {
	for id := range c.cfg.Servers {
		s := &server{c: c, id: id, random: c.w.Random(purposeServer + uint64(id))}
		s.clock = c.clock(s.random)
		c.servers = append(c.servers, s)
	}
	c.log = newSequencer(c, c.cfg.Servers)
	for _, s := range c.servers {
		s.start()
	}
	c.users = newUsers(c)
	for id := range c.cfg.Capacity {
		n := &client{c: c, id: id, random: c.w.Random(purposeClient + uint64(id))}
		n.clock = c.clock(n.random)
		n.shape = node.Shape{MHz: 4000, MemoryMB: 4096, Meta: map[string]string{"rack": fmt.Sprintf("r%d", id%3)}, Version: version}
		if id%4 == 0 {
			n.shape.MHz, n.shape.MemoryMB, n.shape.Class = 8000, 8192, "large"
		}
		c.must(n.shape.Check())
		n.nodeID, n.secret = n.shape.Identity(id)
		n.server = n.random.IntN(len(c.servers))
		n.node = node.New(node.Config{Random: n.random.Float64, Jobs: &c.jobs})
		c.clients = append(c.clients, n)
		if id < c.cfg.Nodes {
			c.w.After(time.Duration(n.random.Int64N(int64(2*time.Second))), n.join)
		}
	}
}

// clock draws a clock of a machine.
func (c *Cluster) clock(random *rand.Rand) *world.Clock {
	if !c.cfg.Faults.Clock {
		return c.w.NewClock(0, 0)
	}
	offset := time.Duration(random.Int64N(int64(10*time.Second))) - 5*time.Second
	return c.w.NewClock(offset, (random.Float64()-0.5)*0.002)
}

// advance lets time pass.
func (c *Cluster) advance(until time.Duration) {
	for n := 0; c.err == nil && c.w.Step(until); n++ {
		if n >= stepsMax {
			c.fail(fmt.Errorf("the cluster spins: more than %d events", stepsMax))
		}
	}
}

// settle heals everything and waits until nothing happens any more.
func (c *Cluster) settle() {
	c.heal()
	end := c.w.Now() + settleMax
	since, last := c.w.Now(), uint64(0)
	why := ""
	for c.err == nil && c.w.Now() < end {
		c.stopClock()
		c.advance(c.w.Now() + lookEvery)
		state := c.activity()
		if state != last || c.unsettled() != "" {
			last, since = state, c.w.Now()
			why = c.unsettled()
			continue
		}
		if c.w.Now()-since >= quiet {
			c.settled()
			return
		}
	}
	if c.err == nil {
		c.fail(fmt.Errorf("not settled %v after the last fault: %s", settleMax, cmp.Or(why, "entries keep coming")))
	}
}

// activity changes when something is written.
func (c *Cluster) activity() uint64 {
	l := c.leader()
	if l == nil {
		return 0
	}
	s := l.store.Snapshot()
	return s.TableIndex(store.TableJobs, store.TableEvals, store.TableAllocs, store.TableDeployments, store.TableNodes)
}

// unsettled says what is still to come, "" for nothing.
func (c *Cluster) unsettled() string {
	l := c.leader()
	if l == nil {
		return "there is no leader"
	}
	s := l.store.Snapshot()
	for e := range s.Evals(nl.AllNamespaces) {
		if e.Status == nl.EvalStatusPending {
			return fmt.Sprintf("evaluation %s of %s is pending", e.ID, e.JobID)
		}
	}
	for _, other := range c.servers {
		if other.life.store.Snapshot().Index() < s.TableIndex(store.TableEvals, store.TableAllocs) {
			return fmt.Sprintf("server %d is behind", other.id)
		}
	}
	for d := range s.Deployments(nl.AllNamespaces) {
		if d.Status == nl.DeploymentStatusRunning && !awaits(d) {
			return fmt.Sprintf("deployment %s of %s is running", d.ID, d.JobID)
		}
	}
	for n := range s.Nodes() {
		if n.DrainStrategy != nil {
			return fmt.Sprintf("node %s is draining", n.Name)
		}
	}
	for a := range s.Allocs(nl.AllNamespaces) {
		if !a.TerminalClient() && (a.TerminalDesired() || a.ClientStatus == nl.AllocClientPending) {
			return fmt.Sprintf("allocation %s (%s) on node %s is to %s and %s", a.ID, a.Name, a.NodeName, a.DesiredStatus, a.ClientStatus)
		}
		if a.Job != nil && a.Job.Type != nl.JobTypeService && a.Job.Type != nl.JobTypeSystem && !a.Terminal() {
			return fmt.Sprintf("allocation %s (%s) of a batch job runs", a.ID, a.Name)
		}
	}
	return ""
}

// awaits tells whether the deployment may go on for ever: only a user can
// promote it, or nothing of it has found a place yet, so that its time has not
// begun.
func awaits(d *nl.Deployment) bool {
	begun := false
	for _, g := range d.TaskGroups {
		if g.DesiredCanaries > 0 && !g.Promoted && !g.AutoPromote {
			return true
		}
		begun = begun || !g.RequireProgressBy.IsZero()
	}
	return !begun
}

// heal ends all faults: servers and nodes come back, links are whole.
func (c *Cluster) heal() {
	c.w.Tracef("healing")
	c.settling = true
	c.net.Heal()
	c.net.Weather = world.Weather{Delay: c.net.Delay, Jitter: c.net.Jitter}
	for _, s := range c.servers {
		if s.life == nil {
			s.start()
		}
	}
	for _, n := range c.clients {
		if n.node != nil && !n.up && n.life > 0 {
			n.restart()
		}
	}
	c.users.heal()
}

// stopClock stops what launches by the clock and would never settle. A job that
// users were about to register may come late: it is looked for again.
func (c *Cluster) stopClock() {
	if l := c.leader(); l != nil {
		if j := l.store.Snapshot().Job(work.Namespace(work.Periodic), work.JobID(work.Periodic)); j != nil && !j.Stop {
			c.user(&work.Step{ID: -1, Verb: work.Stop, Job: work.Periodic}, func() {})
		}
	}
}

func (c *Cluster) settled() {
	ev := check.Settled{At: c.w.Now(), Running: map[string]map[string]bool{}, Acked: c.highestAck}
	for _, s := range c.servers {
		ev.Snapshots = append(ev.Snapshots, s.life.store.Snapshot())
	}
	for _, n := range c.clients {
		if n.up {
			ev.Running[n.nodeID] = n.node.Runs()
		}
	}
	c.observe(ev)
	c.w.Tracef("settled")
}

// leader is the server that leads, nil when none does.
func (c *Cluster) leader() *life {
	if id := c.log.leader; id >= 0 && c.log.ready && c.servers[id].life != nil {
		return c.servers[id].life
	}
	return nil
}

func (c *Cluster) touchLeader() {
	if l := c.leader(); l != nil {
		l.touch()
	}
}

// observe tells the checkers.
func (c *Cluster) observe(ev check.Event) {
	if err := check.Run(c.cfg.Checkers, ev); err != nil {
		c.fail(err)
	}
}

// fail ends the run.
func (c *Cluster) fail(err error) {
	if c.err == nil {
		c.err = err
		c.w.Tracef("failed: %v", err)
	}
}

// must ends the run on what cannot be.
func (c *Cluster) must(err error) {
	if err != nil {
		c.fail(err)
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// reader makes bytes of a source of randomness.
type reader struct{ random *rand.Rand }

func (r reader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.random.Uint32())
	}
	return len(p), nil
}
