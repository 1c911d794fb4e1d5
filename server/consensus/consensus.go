// Package consensus is the replicated log: it takes ops from the endpoints and
// loops of the leader, has a majority of the servers keep them, and applies
// them to the store in the one order. The server package opens it; endpoints
// and leader loops propose to it. It never looks into an op, never forwards to
// another server, and never decides who is a member.
package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
)

// Bounds and times of the log. Times are for a multiplier of 1.
const (
	// heartbeatTimeout is how long a follower hears nothing before it stands
	// for election. Followers look at random moments one to two timeouts
	// apart, so a dead leader is replaced within about 1.5 of it: under the
	// 0.7 s that failover may take.
	heartbeatTimeout = 300 * time.Millisecond
	// leaseTimeout is how long a leader may go without a majority before it
	// stops answering reads. Below heartbeatTimeout, so that the old leader is
	// silent before a new one can exist.
	leaseTimeout = 250 * time.Millisecond
	// commitTimeout is how late an idle follower learns that an entry is
	// committed; workers on followers wait that long for a job to appear.
	commitTimeout = 10 * time.Millisecond
	// appendEntriesMax is how many proposals may share one write to disk and
	// one message to a follower. The library's own upper bound is 1024.
	appendEntriesMax = 512
	// enqueueTimeout is how long a proposal without a deadline may wait to be
	// taken up.
	enqueueTimeout = 10 * time.Second
	// barrierTimeout is how long a new leader waits to have applied what its
	// predecessors committed before it says so in the log and tries again.
	barrierTimeout = 2 * time.Minute
	// entryBytesMax bounds one op in the log.
	entryBytesMax = 64 << 20
	// snapshotsKept on disk: the newest, and one before in case it is damaged.
	snapshotsKept = 2
	// leadershipChanges that wait for Run; the log stops until there is room.
	leadershipChanges = 16

	multiplierMax            = 10
	trailingLogsDefault      = 10240
	snapshotThresholdDefault = 8192
	snapshotIntervalDefault  = 120 * time.Second
	segmentMegabytesDefault  = 64
)

// Errors of proposals. They are compared by text once they have crossed
// between servers.
var (
	// ErrNotLeader tells that this server cannot take the write; the router of
	// calls forwards such a call, or says it to the user when there is no leader.
	ErrNotLeader = nl.Errorf(nl.CodeInternal, "No cluster leader")
	// ErrNotReady tells that the new leader has not yet applied everything
	// that its predecessors committed.
	ErrNotReady = nl.Errorf(nl.CodeInternal, "Not ready to serve consistent reads")
)

// Config is what a log stands on.
type Config struct {
	Store *store.Store
	// ID of this server, for ever. Required.
	ID string
	// Dir keeps the log and the snapshots. "" keeps them in memory: a
	// development server, which forgets everything and makes no snapshots.
	Dir string
	// Transport carries messages between servers. Required.
	Transport raft.Transport
	// Lead runs while this server leads, after everything committed earlier
	// has been applied. It must return soon after ctx ends; until it has, this
	// server does not lead again. Nil does nothing.
	Lead func(ctx context.Context)
	// Logger is required.
	Logger hclog.Logger

	Multiplier       int           // 1..10 stretches all timeouts; 0 is 1
	SegmentMegabytes int           // size of a file of the log; 0 is 64
	Reloadable       Reloadable    // what may change while running
	Timeout          time.Duration // heartbeat timeout instead of the usual one, for tests; 0 is the usual
}

// Reloadable is what may change while running. Zero fields are the defaults.
type Reloadable struct {
	TrailingLogs      uint64        // entries kept behind a snapshot for slow followers; 10240
	SnapshotThreshold uint64        // entries between snapshots; 8192
	SnapshotInterval  time.Duration // how often to look; 120 s
}

// Result is what became of a proposal.
type Result struct {
	Index uint64
	Value any // what applying the op returned
}

// Peer is a server of the configuration.
type Peer struct {
	ID      string
	Address string // host:port of its RPC port
	Voter   bool
}

// Consensus is the log on one server.
type Consensus struct {
	cfg    Config
	log    hclog.Logger
	raft   *raft.Raft
	fsm    *machine
	files  *logFiles
	notify chan bool
	ready  atomic.Bool   // leads and has caught up
	relead chan struct{} // asks Run to start leading afresh

	// open is held by whoever waits for an answer of the log, and taken by
	// Close: the log does not answer what it holds when it is shut down.
	open   sync.RWMutex
	closed bool
}

// Open opens the files of the log and takes part from then on. Run must be
// called for this server to lead, and ends it.
func Open(cfg Config) (*Consensus, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Consensus{
		cfg: cfg, log: cfg.Logger.Named("consensus"),
		notify: make(chan bool, leadershipChanges),
		relead: make(chan struct{}, 1),
	}
	files, err := openFiles(cfg.Dir, cfg.SegmentMegabytes, c.log)
	if err != nil {
		return nil, err
	}
	c.files = files
	c.fsm = newMachine(cfg.Store, cfg.Dir != "", c.log)
	c.raft, err = raft.NewRaft(c.raftConfig(), c.fsm, files.logs, files.stable, files.snapshots, cfg.Transport)
	if err != nil {
		return nil, errors.Join(damaged(cfg.Dir, err), files.close())
	}
	return c, nil
}

func (cfg *Config) check() error {
	switch {
	case cfg.Store == nil || cfg.Transport == nil || cfg.Logger == nil:
		return errors.New("consensus: Store, Transport and Logger are required")
	case cfg.ID == "":
		return errors.New("consensus: the server has no ID")
	case cfg.Multiplier < 0 || cfg.Multiplier > multiplierMax:
		return fmt.Errorf("raft_multiplier is %d; it must be between 1 and %d", cfg.Multiplier, multiplierMax)
	}
	cfg.Multiplier = max(cfg.Multiplier, 1)
	if cfg.SegmentMegabytes <= 0 {
		cfg.SegmentMegabytes = segmentMegabytesDefault
	}
	cfg.Reloadable.fill()
	return nil
}

func (r *Reloadable) fill() {
	if r.TrailingLogs == 0 {
		r.TrailingLogs = trailingLogsDefault
	}
	if r.SnapshotThreshold == 0 {
		r.SnapshotThreshold = snapshotThresholdDefault
	}
	if r.SnapshotInterval == 0 {
		r.SnapshotInterval = snapshotIntervalDefault
	}
}

func (c *Consensus) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.cfg.ID)
	m := time.Duration(c.cfg.Multiplier)
	rc.HeartbeatTimeout = heartbeatTimeout * m
	rc.LeaderLeaseTimeout = leaseTimeout * m
	if t := c.cfg.Timeout; t > 0 {
		rc.HeartbeatTimeout = t
		rc.LeaderLeaseTimeout = t
	}
	rc.ElectionTimeout = rc.HeartbeatTimeout
	rc.CommitTimeout = commitTimeout * m
	rc.MaxAppendEntries = appendEntriesMax
	rc.BatchApplyCh = true // proposals in flight share a write to disk
	rc.ShutdownOnRemove = false
	rc.TrailingLogs = c.cfg.Reloadable.TrailingLogs
	rc.SnapshotThreshold = c.cfg.Reloadable.SnapshotThreshold
	rc.SnapshotInterval = c.cfg.Reloadable.SnapshotInterval
	rc.NotifyCh = c.notify
	rc.NoLegacyTelemetry = true
	rc.Logger = c.log.Named("raft")
	return rc
}

// Run leads whenever this server is elected, until ctx ends, and then closes
// the log. It fails when the log cannot go on, since its disk lies or an entry
// cannot be read.
func (c *Consensus) Run(ctx context.Context) error {
	defer c.Close()
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.fsm.broken:
			return c.fsm.cause
		case leading := <-c.notify:
			stop()
			stop = func() {}
			if leading {
				stop = c.lead(ctx)
			}
		case <-c.relead:
			if c.raft.State() == raft.Leader {
				stop()
				stop = c.lead(ctx)
			}
		}
	}
}

// lead starts leading; stop ends it and waits.
func (c *Consensus) lead(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer c.ready.Store(false)
		for {
			err := c.raft.Barrier(barrierTimeout).Error()
			if err == nil {
				break
			}
			if ctx.Err() != nil || c.raft.State() != raft.Leader {
				return
			}
			c.log.Error("elected, but cannot apply what is committed; trying again", "error", err)
		}
		c.ready.Store(true)
		c.log.Info("leading")
		if c.cfg.Lead != nil {
			c.cfg.Lead(ctx)
		}
		<-ctx.Done()
	}()
	return func() {
		c.ready.Store(false)
		cancel()
		<-done
		c.log.Info("no longer leading")
	}
}

// Close leaves the log. It waits for the proposals under way, which end soon:
// they are committed, or leadership is lost. The other servers notice after
// the heartbeat timeout.
func (c *Consensus) Close() error {
	c.open.Lock()
	defer c.open.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	err := c.raft.Shutdown().Error()
	if t, ok := c.cfg.Transport.(raft.WithClose); ok {
		err = errors.Join(err, t.Close())
	}
	return errors.Join(err, c.files.close())
}

var errClosed = nl.Errorf(nl.CodeInternal, "the server is shutting down")

// use runs f, which waits for the log, unless the log is closed.
func (c *Consensus) use(f func() error) error {
	c.open.RLock()
	defer c.open.RUnlock()
	if c.closed {
		return errClosed
	}
	return f()
}

// Propose has an op committed and applied. Errors of applying come back as
// they are; others mean that the op was not taken up, or, after a loss of
// leadership, that nobody knows.
func (c *Consensus) Propose(ctx context.Context, o op.Op) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	data, err := wire.EncodeOp(o)
	if err != nil {
		return Result{}, err
	}
	if len(data) > entryBytesMax {
		return Result{}, fmt.Errorf("a write of %d bytes exceeds the limit of %d bytes for one entry of the log", len(data), entryBytesMax)
	}
	wait := enqueueTimeout
	if d, ok := ctx.Deadline(); ok {
		wait = max(time.Until(d), time.Millisecond)
	}
	var result Result
	err = c.use(func() error {
		defer c.fsm.proposed.hold(data, o)()
		f := c.raft.Apply(data, wait)
		if err := f.Error(); err != nil {
			return proposalError(err)
		}
		applied := f.Response().(applied)
		result = Result{Index: f.Index(), Value: applied.value}
		return applied.err
	})
	return result, err
}

// proposalError says in the project's terms why the log did not take an op.
func proposalError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	case errors.Is(err, raft.ErrLeadershipLost):
		return nl.Errorf(nl.CodeInternal, "leadership lost while committing log; whether the write was kept is not known, read before repeating it")
	case errors.Is(err, raft.ErrRaftShutdown):
		return errClosed
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return nl.Errorf(nl.CodeInternal, "the write waited too long for earlier ones; the server is overloaded")
	}
	return fmt.Errorf("committing: %w", err)
}

// IsNotLeader tells whether err, which may have crossed between servers, says
// that the callee does not lead.
func IsNotLeader(err error) bool {
	var e *nl.Error
	return errors.As(err, &e) && (e.Text == ErrNotLeader.Error() || e.Text == ErrNotReady.Error())
}

// IsLeader tells whether this server leads and has caught up.
func (c *Consensus) IsLeader() bool { return c.ready.Load() && c.raft.State() == raft.Leader }

// IsElected tells whether this server leads, even before it has caught up.
func (c *Consensus) IsElected() bool { return c.raft.State() == raft.Leader }

// Leader is the ID and address of the leader; empty when none is known.
func (c *Consensus) Leader() (id, addr string) {
	a, i := c.raft.LeaderWithID()
	return string(i), string(a)
}

// LeaderAddr is the RPC address of the leader; "" when none is known.
func (c *Consensus) LeaderAddr() string {
	_, addr := c.Leader()
	return addr
}

// LastContact is how long ago this server heard from the leader; 0 on the leader.
func (c *Consensus) LastContact() time.Duration {
	if c.raft.State() == raft.Leader {
		return 0
	}
	t := c.raft.LastContact()
	if t.IsZero() {
		return 0
	}
	return time.Since(t)
}

// Barrier waits until everything proposed before has been applied.
func (c *Consensus) Barrier(ctx context.Context) error {
	wait := enqueueTimeout
	if d, ok := ctx.Deadline(); ok {
		wait = max(time.Until(d), time.Millisecond)
	}
	return c.use(func() error {
		if err := c.raft.Barrier(wait).Error(); err != nil {
			return proposalError(err)
		}
		return nil
	})
}

// Reload changes what may change while running.
func (c *Consensus) Reload(r Reloadable) error {
	r.fill()
	rc := c.raft.ReloadableConfig()
	rc.TrailingLogs, rc.SnapshotThreshold, rc.SnapshotInterval = r.TrailingLogs, r.SnapshotThreshold, r.SnapshotInterval
	return c.raft.ReloadConfig(rc)
}

// Stats are the figures that agents show about the log.
func (c *Consensus) Stats() map[string]string { return c.raft.Stats() }
