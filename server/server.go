// Package server puts the rooms of the server together: the log, the store,
// the RPC port, gossip, the broker, the workers, the applier, the leader's
// loops and the endpoints. The agent makes one and calls it; so do HTTP
// handlers, through Call and Stream, which decide where a call runs. It holds
// no rules of scheduling or of the API itself.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/nomadlike/verify"
	"github.com/nomadlike/nomadlike/server/applier"
	"github.com/nomadlike/nomadlike/server/broker"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/events"
	"github.com/nomadlike/nomadlike/server/member"
	"github.com/nomadlike/nomadlike/server/rpc"
	"github.com/nomadlike/nomadlike/server/watch"
	"github.com/nomadlike/nomadlike/server/worker"
)

const (
	// raftConnsMax is how many idle connections to one server the log keeps.
	raftConnsMax = 3
	// raftIOTimeout bounds one message of the log.
	raftIOTimeout = 10 * time.Second
)

// Server is one server. It is a session.Caller for every method of the API.
type Server struct {
	cfg Config
	id  string
	log hclog.Logger

	store     *store.Store
	nodes     *rpc.Nodes
	pool      *rpc.Pool
	listener  *rpc.Listener
	consensus *consensus.Consensus
	members   *member.Pool

	broker    *broker.Broker
	applier   *applier.Applier
	watch     *watch.Watch
	workers   *worker.Pool
	endpoints *endpoint.Endpoints
	events    *events.Broker
	own       *methods // methods that are about servers, not about state

	where nodeCache     // which server a node is connected to
	term  leadership    // tells when leading starts and ends
	look  atomic.Bool   // somebody is in leaderLost
	wake  chan struct{} // membership may need a look

	failed chan error // a part that cannot go on
	close  sync.Once
}

// New opens the files and ports of a server; Run serves and closes them.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, store: store.New(store.Empty()), nodes: rpc.NewNodes(),
		wake: make(chan struct{}, 1), failed: make(chan error, 1),
	}
	s.where.init()
	s.term.init()
	var err error
	if s.id, err = s.identity(); err != nil {
		return nil, err
	}
	if err := s.compose(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// identity gives the ID of this server, for ever the same with the same data.
func (s *Server) identity() (string, error) {
	if s.cfg.ID != "" {
		return s.cfg.ID, nil
	}
	id := nl.NewID(s.cfg.Random)
	if s.cfg.DataDir == "" {
		return id, nil
	}
	path := filepath.Join(s.cfg.DataDir, "node-id")
	if b, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) != "" {
		return strings.TrimSpace(string(b)), nil
	}
	if err := os.MkdirAll(s.cfg.DataDir, 0o700); err != nil {
		return "", fmt.Errorf("making the server's data directory: %w", err)
	}
	if err := os.WriteFile(path, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("keeping the server's ID: %w", err)
	}
	return id, nil
}

// compose makes the parts that need neither files nor ports. They are
// subscribed to the store before the log fills it.
func (s *Server) compose() error {
	c := &s.cfg
	newID := func() string { return nl.NewID(c.Random) }
	propose := func(ctx context.Context, o op.Op) (uint64, error) {
		r, err := s.consensus.Propose(ctx, o)
		return r.Index, err
	}
	var err error
	s.broker, err = broker.New(broker.Config{
		Store: s.store, NewID: newID, Now: c.Now, Jitter: c.Jitter, Logger: s.log.Named("broker"), Queue: c.Queue,
		Write: func(ctx context.Context, evals []*nl.Eval) error {
			_, err := propose(ctx, &op.UpsertEvals{Evals: evals})
			return err
		},
	})
	if err != nil {
		return err
	}
	var rejections *applier.Rejections
	if c.RejectionThreshold > 0 {
		rejections = applier.NewRejections(c.RejectionThreshold, c.RejectionWindow)
	}
	s.applier, err = applier.New(applier.Config{
		Store: s.store, Propose: propose, Verify: verify.Plan, Outstanding: s.broker.Outstanding,
		Rejections: rejections, Now: c.Now, Logger: s.log.Named("applier"), Observe: c.Observe,
	})
	if err != nil {
		return err
	}
	s.watch, err = watch.New(watch.Config{
		Store: s.store, Propose: propose, NewID: newID, Random: c.Random, Now: c.Now, Jitter: c.Jitter,
		Logger: s.log.Named("watch"), Heartbeats: c.Heartbeats, GC: c.GC, GCInterval: c.GCInterval,
		RootKeyAge: c.RootKeyAge, RootKeyRotation: c.RootKeyRotation,
	})
	if err != nil {
		return err
	}
	s.workers, err = worker.New(worker.Config{
		Store: s.store, Broker: leaderBroker{s}, Plans: leaderPlans{s}, Count: c.Schedulers, Types: c.SchedulerTypes,
		NewID: newID, Now: c.Now, Logger: s.log.Named("worker"), Observe: c.Observe,
	})
	if err != nil {
		return err
	}
	s.events = events.New(s.store, c.EventBuffer)
	s.endpoints = endpoint.New(endpoint.Config{
		Store: s.store, Log: logAdapter{s}, Nodes: s.nodes, Heartbeats: s.watch, Locks: s.watch,
		Brokers: servedBroker{s}, Plans: servedPlans{s}, Cluster: cluster{s}, Router: s,
		Logger: s.log.Named("endpoint"), Now: c.Now, NewID: newID,
		Region: c.Region, Datacenter: c.Datacenter, Name: c.Name, ID: s.id,
		Admission: c.Admission, Version: c.Version, ACLEnabled: c.ACLEnabled, OIDCIssuer: c.OIDCIssuer, Search: c.Search,
	})
	s.own = s.ownMethods()
	return nil
}

// open opens the files and ports.
func (s *Server) open() error {
	c := &s.cfg
	front := session.NewMux()
	front.Fallback(func(string) (session.Caller, bool) { return s, true })
	s.pool = rpc.NewPool(front, c.DialTLS, s.log.Named("rpc"))
	var err error
	s.listener, err = rpc.Listen(rpc.Config{
		Bind: c.RPCBind, Advertise: c.RPCAdvertise, Mux: front, Nodes: s.nodes, ConnsPerAddr: c.RPCConnsPerAddr,
		ServeTLS: c.ServeTLS, DialTLS: c.DialTLS, RaftLost: s.leaderLost, Logger: s.log,
	})
	if err != nil {
		return err
	}
	logDir, gossipDir := "", ""
	if c.DataDir != "" {
		logDir, gossipDir = filepath.Join(c.DataDir, "raft"), filepath.Join(c.DataDir, "serf")
	}
	keyring := ""
	if c.DataDir != "" && len(c.GossipKeys) > 0 {
		keyring = filepath.Join(c.DataDir, "serf.keyring")
	}
	s.members, err = member.Open(member.Config{
		Name: c.Name, Region: c.Region, Datacenter: c.Datacenter, ID: s.id, Build: c.Version,
		Bind: c.SerfBind, Advertise: c.SerfAdvertise, RPCAddr: s.listener.Addr(), Expect: c.BootstrapExpect,
		Dir: gossipDir, RejoinAfterLeave: c.RejoinAfterLeave, Keys: c.GossipKeys, KeyringFile: keyring,
		Fast: c.GossipFast, Logger: s.log,
		Changed: s.memberChanged,
	})
	if err != nil {
		return err
	}
	// Last, since it takes part from now on and asks gossip for addresses.
	s.consensus, err = consensus.Open(consensus.Config{
		Store: s.store, ID: s.id, Dir: logDir, Lead: s.lead, Logger: s.log,
		Multiplier: c.RaftMultiplier, SegmentMegabytes: c.SegmentMegabytes, Reloadable: c.Raft, Timeout: c.raftTimeout,
		Transport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: s.listener.Raft(), MaxPool: raftConnsMax, Timeout: raftIOTimeout,
			ServerAddressProvider: addresses{s}, Logger: s.log.Named("raft-net"),
		}),
	})
	return err
}

// Run serves until ctx ends. It fails when a part cannot go on.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if len(s.cfg.StartJoin) > 0 {
		if _, err := s.members.Join(s.cfg.StartJoin); err != nil {
			s.Close()
			return fmt.Errorf("joining %s: %w", strings.Join(s.cfg.StartJoin, ", "), err)
		}
	}
	parts := []func(context.Context) error{
		s.listener.Run, s.consensus.Run, s.members.Run, s.workers.Run, s.tendMembers,
	}
	if len(s.cfg.RetryJoin.Addrs) > 0 {
		parts = append(parts, func(ctx context.Context) error { return s.members.KeepJoining(ctx, s.cfg.RetryJoin) })
	}
	var running sync.WaitGroup
	for _, run := range parts {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				select {
				case s.failed <- err:
				default:
				}
				cancel()
			}
		})
	}
	<-ctx.Done()
	running.Wait()
	s.Close()
	select {
	case err := <-s.failed:
		return err
	default:
		return nil
	}
}

// Close closes files and ports. Run does it by itself.
func (s *Server) Close() {
	s.close.Do(func() {
		if s.pool != nil {
			s.pool.Close()
		}
		if s.listener != nil {
			s.listener.Close()
		}
		if s.members != nil {
			s.members.Close()
		}
		if s.consensus != nil {
			if err := s.consensus.Close(); err != nil {
				s.log.Warn("closing the log", "error", err)
			}
		}
	})
}

// Leave hands leadership over if it can, takes this server out of the
// cluster, and says goodbye. Run goes on until its context ends.
func (s *Server) Leave(ctx context.Context) error {
	if peers, _, err := s.consensus.Peers(); err == nil && len(peers) > 1 {
		if s.consensus.IsElected() {
			if err := s.consensus.TransferLeadership(""); err != nil {
				s.log.Warn("leaving without handing leadership over", "error", err)
			}
		}
		if err := s.Call(ctx, methodRemovePeer, &removePeer{ID: s.id}, nil); err != nil {
			s.log.Warn("leaving without being taken out of the raft configuration", "error", err)
		}
	}
	return errors.Join(s.members.Leave())
}

// ID is this server's ID.
func (s *Server) ID() string { return s.id }

// RPCAddr is the advertised address of the RPC port.
func (s *Server) RPCAddr() string { return s.listener.Addr() }

// Store is the state, for reading.
func (s *Server) Store() *store.Store { return s.store }

// Events streams what happens to the state.
func (s *Server) Events() *events.Broker { return s.events }

// Members is the gossip between servers.
func (s *Server) Members() *member.Pool { return s.members }

// Workers are this server's scheduler workers.
func (s *Server) Workers() *worker.Pool { return s.workers }

// Broker is the leader's queue of evaluations, for its figures.
func (s *Server) Broker() *broker.Broker { return s.broker }

// Applier is the leader's queue of plans, for its figures.
func (s *Server) Applier() *applier.Applier { return s.applier }

// IsLeader tells whether this server leads and has caught up.
func (s *Server) IsLeader() bool { return s.consensus.IsLeader() }

// LeaderAddr is the leader's RPC address; "" when none is known.
func (s *Server) LeaderAddr() string { return s.consensus.LeaderAddr() }

// ConnectedNodes is how many nodes hold a session with this server.
func (s *Server) ConnectedNodes() int { return s.nodes.Count() }

// Watched is how many nodes' heartbeats this server waits for as the leader.
func (s *Server) Watched() int { return s.watch.Beating() }

// Reload changes what may change while running.
func (s *Server) Reload(r consensus.Reloadable) error { return s.consensus.Reload(r) }

// Local is this server as a client in the same process calls it: its calls
// can be answered back through mux, until done. Requests and replies are
// copied on the way, as over a session.
func (s *Server) Local(mux *session.Mux, done <-chan struct{}) session.Caller {
	return local{s: s, back: mux, done: done}
}
