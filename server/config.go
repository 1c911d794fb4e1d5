package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/gc"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/server/broker/queue"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
	"github.com/nomadlike/nomadlike/server/member"
	"github.com/nomadlike/nomadlike/server/watch"
)

// Config is what a server is. Zero fields take the defaults told beside them.
type Config struct {
	Name       string // required
	Region     string // "global"
	Datacenter string // "dc1"
	Version    string // reported to clients, such as "2.0.6"
	// ID of the server; "" takes the one kept in DataDir, or makes one.
	ID string

	// DataDir keeps log, snapshots and gossip. "" keeps everything in memory:
	// a development server.
	DataDir string

	RPCBind       string // host:port; port 0 takes a free one
	RPCAdvertise  string // host:port others dial; "" is what is listened on
	SerfBind      string // host:port
	SerfAdvertise string

	// BootstrapExpect is how many servers start the cluster together; 1 starts
	// it alone, 0 waits to be taken in by one that exists.
	BootstrapExpect int
	// StartJoin is joined once at the start, which fails if nobody answers.
	StartJoin []string
	// RetryJoin is joined until somebody answers.
	RetryJoin        member.Retry
	RejoinAfterLeave bool
	GossipKeys       [][]byte // encrypt gossip; the first is used
	GossipFast       bool     // timers for servers on one machine

	RaftMultiplier   int // 1..10; 1
	SegmentMegabytes int // size of a file of the log; 64
	Raft             consensus.Reloadable

	ServeTLS, DialTLS *tls.Config // of the RPC port; nil is plain
	RPCConnsPerAddr   int         // 100; below 0 is no bound

	Schedulers     int      // workers on this server; 0 is none
	SchedulerTypes []string // none: all
	Queue          queue.Config

	Heartbeats      watch.HeartbeatConfig
	GC              *gc.Ages // nil: gc.Default
	GCInterval      time.Duration
	RootKeyAge      time.Duration
	RootKeyRotation time.Duration
	// RejectionThreshold and Window track nodes whose part of plans is
	// rejected over and over; 0 does not.
	RejectionThreshold int
	RejectionWindow    time.Duration

	// SchedulerConfig is written when the cluster is bootstrapped; nil leaves
	// the built-in one.
	SchedulerConfig *nl.SchedulerConfiguration

	Admission  admit.Settings
	ACLEnabled bool
	OIDCIssuer string
	Search     endpoint.SearchConfig
	// EventBuffer is how many commits the event stream keeps; 0 is 100.
	EventBuffer int

	// Agent answers the Agent.* methods of this agent itself; nil has none.
	Agent session.Caller

	Logger hclog.Logger     // required
	Random io.Reader        // of cryptographic quality; required
	Now    func() time.Time // time.Now
	Jitter func() float64   // in [0,1); none
	// Observe is told how long phases of scheduling took; may be nil.
	Observe func(phase string, took time.Duration)

	// raftTimeout shortens elections in tests; 0 is the usual one.
	raftTimeout time.Duration
}

const (
	regionDefault      = "global"
	datacenterDefault  = "dc1"
	eventBufferDefault = 100 // commits, the peer's default
)

func (c *Config) check() error {
	if c.Logger == nil || c.Random == nil || c.Name == "" {
		return errors.New("server: Name, Logger and Random are required")
	}
	if c.BootstrapExpect < 0 {
		return fmt.Errorf("bootstrap_expect is %d; it must not be negative", c.BootstrapExpect)
	}
	if c.DataDir == "" && c.BootstrapExpect > 1 {
		return errors.New("a server in development mode cannot bootstrap with others: bootstrap_expect must be 1")
	}
	if c.Region == "" {
		c.Region = regionDefault
	}
	if c.Datacenter == "" {
		c.Datacenter = datacenterDefault
	}
	if c.EventBuffer == 0 {
		c.EventBuffer = eventBufferDefault
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = func() float64 { return 0 }
	}
	if c.Observe == nil {
		c.Observe = func(string, time.Duration) {}
	}
	return nil
}
