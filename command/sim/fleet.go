package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nomadlike/nomadlike/client/servers"
	"github.com/nomadlike/nomadlike/command/sim/node"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
)

const (
	// nodesPerSession is how many nodes share a connection. A session carries
	// 8192 calls at once and each node holds one, its stream; fewer keep a
	// stream's news from waiting behind many others.
	nodesPerSession = 640
	// sessionsMax stays below the connections that servers take from one
	// address by default, which is 100; with countMax nodes a session is
	// still far from full.
	sessionsMax = 64
	// callersMax bounds the updates under way. Real nodes do not wait for each
	// other; with so many, neither do these for long while the leader is slow.
	callersMax = 256
	// beatersMax bounds the heartbeats and registrations under way, which have
	// callers of their own. Servers ask for fifty heartbeats a second from all
	// nodes together, and find a node down that is ten seconds late; so many are
	// under way when a busy server takes those ten seconds for each.
	beatersMax = 512
	// callTimeout bounds a call.
	callTimeout = 30 * time.Second
	// streamRetry is the pause before a stream is opened again, and the most
	// of the random part that is added.
	streamRetry = 500 * time.Millisecond
	// tickMin lets timers close to each other share a tick: with thousands of
	// nodes there would be one all the time, and a processor woken for each.
	tickMin = 5 * time.Millisecond
)

// Fleet is a number of simulated nodes and their connections.
type Fleet struct {
	cfg     Config
	conns   []*servers.Servers
	members []*member
	work    chan job // has room for one call of each node
	beats   chan job // the same for calls that keep nodes alive
	jobs    node.Jobs

	mu     sync.Mutex // guards timers and the members' place in it; taken after a member's
	timers timers
	wake   chan struct{} // the first timer has changed

	registered, running, updates, failures atomic.Int64
}

// member is a node of the fleet.
type member struct {
	index      int
	id, secret string
	conn       *servers.Servers
	follow     chan struct{} // closed when the stream is to be opened

	mu      sync.Mutex
	node    *node.Node
	running int
	wake    time.Time          // when its node wants a tick
	reopen  context.CancelFunc // of the stream that is open

	due  time.Time // in timers
	slot int       // in timers; -1 is none
}

// job is a call to be made for a member.
type job struct {
	m    *member
	call node.Call
}

// New makes a fleet that Run starts.
func New(cfg Config) (*Fleet, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("simulating nodes: %w", err)
	}
	f := &Fleet{cfg: cfg, work: make(chan job, cfg.Count), beats: make(chan job, cfg.Count), wake: make(chan struct{}, 1)}
	mux := session.NewMux()
	mux.Fallback(func(string) (session.Caller, bool) { return hollow{}, true })
	log := cfg.Logger
	for range min((cfg.Count+nodesPerSession-1)/nodesPerSession, sessionsMax) {
		conn, err := servers.New(servers.Config{Addrs: cfg.Servers, Dial: cfg.Dial, Mux: mux, Logger: log})
		log = hclog.NewNullLogger() // one connection speaks for all
		if err != nil {
			return nil, fmt.Errorf("simulating nodes: %w", err)
		}
		f.conns = append(f.conns, conn)
	}
	for i := range cfg.Count {
		m := &member{index: i, conn: f.conns[i%len(f.conns)], slot: -1, follow: make(chan struct{})}
		m.id, m.secret = cfg.Shape.Identity(i)
		m.node = node.New(node.Config{Lifetime: cfg.Lifetime, Random: cfg.Random, Jobs: &f.jobs})
		f.members = append(f.members, m)
	}
	return f, nil
}

// hollow answers what servers ask of a node that has nothing to show.
type hollow struct{}

func (hollow) Call(_ context.Context, method string, _, _ any) error {
	return nl.Errorf(nl.CodeInvalid, "%s: the node is simulated; it has no files, logs, processes or statistics", method)
}

func (h hollow) Stream(ctx context.Context, method string, _ any) (session.Stream, error) {
	return nil, h.Call(ctx, method, nil, nil)
}

// Stats is how the fleet stands.
func (f *Fleet) Stats() Stats {
	return Stats{
		Nodes: f.cfg.Count, Registered: int(f.registered.Load()), Running: f.running.Load(),
		Updates: f.updates.Load(), Failures: f.failures.Load(),
	}
}

// Run simulates until ctx ends. The servers are not told of the end: to them
// it is as if the nodes had lost their power.
func (f *Fleet) Run(ctx context.Context) error {
	// Connections outlast the streams on them: closing one under hundreds of
	// readers costs far more than to end these first.
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	var conns, group sync.WaitGroup
	defer conns.Wait()
	defer disconnect()
	defer group.Wait()
	for _, c := range f.conns {
		conns.Go(func() { c.Run(connected) })
	}
	for range min(callersMax, f.cfg.Count) {
		group.Go(func() { f.caller(ctx, f.work) })
	}
	for range min(beatersMax, f.cfg.Count) {
		group.Go(func() { f.caller(ctx, f.beats) })
	}
	for _, m := range f.members {
		group.Go(func() { f.stream(ctx, m) })
		f.step(m, node.Start{})
	}
	f.clock(ctx)
	return nil
}

// step feeds an event to a node and sees to what follows.
func (f *Fleet) step(m *member, ev node.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.node.Step(f.cfg.Now(), ev)
	f.running.Add(int64(out.Running - m.running))
	m.running = out.Running
	for _, call := range out.Calls {
		to := f.work
		if call.Kind != node.CallUpdate {
			to = f.beats
		}
		to <- job{m, call}
	}
	if out.Follow {
		f.registered.Add(1)
		close(m.follow)
	}
	if out.Reopen && m.reopen != nil {
		m.reopen()
	}
	if _, ticked := ev.(node.Tick); !ticked && out.Wake.Equal(m.wake) {
		return // the timers have it, or have just let go of it and a tick follows
	}
	m.wake = out.Wake
	f.mu.Lock()
	first := f.timers.set(m, out.Wake)
	f.mu.Unlock()
	if first {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// clock ticks the nodes whose time has come, until ctx ends.
func (f *Fleet) clock(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
		for m := f.pop(); m != nil; m = f.pop() {
			f.step(m, node.Tick{})
		}
		f.mu.Lock()
		at, ok := f.timers.next()
		f.mu.Unlock()
		if ok {
			// Rounded up, so that timers close to each other share a tick.
			timer.Reset(max(at.Sub(f.cfg.Now()), tickMin))
		}
	}
}

func (f *Fleet) pop() *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.timers.pop(f.cfg.Now())
}

// caller makes calls until ctx ends.
func (f *Fleet) caller(ctx context.Context, work <-chan job) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-work:
			reply, err := f.call(ctx, j.m, &j.call)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				f.failures.Add(1)
				f.cfg.Logger.Debug("call of a simulated node failed", "node_id", j.m.id, "error", err)
			}
			f.step(j.m, node.Answered{Call: j.call, TTL: reply.HeartbeatTTL, Index: reply.Index, Err: err})
		}
	}
}

func (f *Fleet) call(ctx context.Context, m *member, c *node.Call) (reply query.NodeUpdate, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if c.Kind != node.CallUpdate {
		ctx = session.WithUrgent(ctx) // as a node does
	}
	switch c.Kind {
	case node.CallRegister:
		n := f.cfg.Shape.Node(m.index, nl.Time{Time: f.cfg.Now().UTC()})
		err = m.conn.Call(ctx, "Node.Register", &query.NodeRegister{Node: n}, &reply)
	case node.CallHeartbeat:
		err = m.conn.Call(ctx, "Node.Heartbeat", &query.NodeHeartbeat{NodeID: m.id, SecretID: m.secret}, &reply)
	case node.CallUpdate:
		req := &query.NodeAllocUpdates{NodeID: m.id, SecretID: m.secret, Updates: c.Updates}
		if err = m.conn.Call(ctx, "Node.UpdateAllocs", req, &query.Written{}); err == nil {
			f.updates.Add(int64(len(c.Updates)))
		}
		return reply, err
	}
	if err == nil {
		m.conn.Learn(reply.Servers)
	}
	return reply, err
}

// stream keeps the allocation stream of a node open until ctx ends.
func (f *Fleet) stream(ctx context.Context, m *member) {
	select {
	case <-ctx.Done():
		return
	case <-m.follow:
	}
	for ctx.Err() == nil {
		err := f.receive(ctx, m)
		if ctx.Err() != nil {
			return
		}
		f.cfg.Logger.Debug("stream of a simulated node ended and is opened again", "node_id", m.id, "reason", err)
		timer := time.NewTimer(streamRetry + time.Duration(f.cfg.Random()*float64(streamRetry)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

var errDisconnected = errors.New("there is no connection to a server")

// receive passes on what one stream brings, until it breaks or life ends. A
// stream that is being opened is not interrupted, which takes but a moment
// while there is a connection.
func (f *Fleet) receive(life context.Context, m *member) error {
	if _, ok := m.conn.Connected(); !ok {
		return errDisconnected
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(life))
	defer cancel()
	st, err := m.conn.Stream(ctx, "Node.Allocs", &query.NodeAllocs{NodeID: m.id, SecretID: m.secret})
	if err != nil {
		return err
	}
	defer st.Close()
	defer context.AfterFunc(life, cancel)()
	m.mu.Lock()
	m.reopen = cancel
	m.mu.Unlock()
	for {
		var msg query.NodeAllocChanges
		if err := st.Recv(&msg); err != nil {
			return err
		}
		f.step(m, node.Changes{Message: &msg})
	}
}
