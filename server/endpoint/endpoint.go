// Package endpoint answers the calls of the API: one file per noun, each
// method authorises, admits, and proposes or reads. HTTP handlers and other
// agents reach it through the server's router, which decides by the method's
// Kind where it runs. It holds no state of its own beside what it is given.
package endpoint

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/admit"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// Kind says where a method may run.
type Kind uint8

// The kinds of methods.
const (
	Local  Kind = iota // on whichever server is asked
	Read               // on the leader, or anywhere when the request is Stale
	Write              // on the leader
	OnNode             // on a node: the request embeds query.OnNode
)

// Result is what became of a proposal.
type Result struct {
	Index uint64
	Value any // what applying the op returned
}

// Log takes proposals. Package consensus implements it.
type Log interface {
	Propose(ctx context.Context, o op.Op) (Result, error)
	IsLeader() bool
	LeaderAddr() string // RPC address; "" when unknown
	LastContact() time.Duration
	Barrier(ctx context.Context) error
}

// NodeSessions remembers over which session each node can be called.
type NodeSessions interface {
	// Bind ties the session the call in ctx came over to the node.
	Bind(ctx context.Context, nodeID string)
}

// Heartbeats grants and renews the time to live of nodes on the leader.
type Heartbeats interface {
	// Beat renews the node's time to live and returns it.
	Beat(nodeID string) time.Duration
	// Heard notes that a node called that proved itself; one that is not watched
	// stays so.
	Heard(nodeID string)
	// Forget ends watching the node, which has left.
	Forget(nodeID string)
}

// Brokers is what workers on other servers and the API need of the leader's
// evaluation broker.
type Brokers interface {
	Dequeue(ctx context.Context, types []string) (eval *nl.Eval, token string, waitIndex uint64, err error)
	Ack(evalID, token string) error
	Nack(evalID, token string) error
}

// Plans takes plans from workers.
type Plans interface {
	Submit(ctx context.Context, p *nl.Plan) (*nl.PlanResult, error)
}

// Member is one server of the gossip pool.
type Member struct {
	ID, Name, Region, Datacenter, RPCAddr string
	Status                                string
	Leader                                bool
}

// Cluster tells about the other servers.
type Cluster interface {
	Servers(region string) []Member // of the region, sorted by name; "" is the own one
	Regions() []string              // sorted
}

// Config is what endpoints stand on. Every field is required unless said.
type Config struct {
	Store      *store.Store
	Log        Log
	Nodes      NodeSessions
	Heartbeats Heartbeats
	Locks      Locks
	Brokers    Brokers
	Plans      Plans
	Cluster    Cluster
	Router     Router
	Logger     hclog.Logger
	Now        func() time.Time
	NewID      func() string

	Region, Datacenter, Name, ID string

	Admission admit.Settings
	// Version is the version servers and nodes report, such as "2.0.6".
	Version string
	// ACLEnabled turns authorisation on.
	ACLEnabled bool
	// OIDCIssuer is the iss claim of identities; "" leaves it out.
	OIDCIssuer string
	// Search bounds searches; zero fields take the defaults.
	Search SearchConfig
	// FailoverTTL and the like belong to Heartbeats.
}

// Endpoints are the methods of the API on one server.
type Endpoints struct {
	cfg   Config
	mux   *session.Mux
	kinds map[string]Kind
	sign  signers

	feeds  *allocFeeds
	status *statusQueue
}

// New registers every method on a mux of its own.
func New(cfg Config) *Endpoints {
	e := &Endpoints{cfg: cfg, mux: session.NewMux(), kinds: map[string]Kind{}, feeds: newAllocFeeds()}
	e.status = &statusQueue{propose: e.propose}
	cfg.Store.OnCommit(e.feeds.commit)
	for method := range onNode {
		e.kinds[method] = OnNode
	}
	e.registerJobs()
	e.registerEvals()
	e.registerDeployments()
	e.registerAllocs()
	e.registerNodes()
	e.registerNodePools()
	e.registerNamespaces()
	e.registerQuotas()
	e.registerServices()
	e.registerVariables()
	e.registerVolumes()
	e.registerScaling()
	e.registerSearch()
	e.registerOperator()
	e.registerKeys()
	e.registerWorkers()
	e.registerExplain()
	return e
}

// Mux answers every method that this server can run itself.
func (e *Endpoints) Mux() *session.Mux { return e.mux }

// Kind says where a method may run; ok is false for a method nobody has.
func (e *Endpoints) Kind(method string) (k Kind, ok bool) {
	k, ok = e.kinds[method]
	return k, ok
}

// onNode lists the methods that nodes answer.
var onNode = map[string]bool{
	"Client.Stats": true, "Client.GC": true, "Client.Metadata": true,
	"Node.CreateVolume": true, "Node.RegisterVolume": true, "Node.DeleteVolume": true,
	"Alloc.Stats": true, "Alloc.Restart": true, "Alloc.Signal": true,
	"Alloc.GC": true, "Alloc.Checks": true, "Alloc.Exec": true,
	"Alloc.Snapshot": true,
	"FS.List":        true, "FS.Stat": true, "FS.Read": true, "FS.Stream": true,
	"FS.Logs":       true,
	"Agent.Monitor": true, "Agent.Host": true, "Agent.Profile": true,
}

// on registers a method.
func on[Req, Reply any](e *Endpoints, k Kind, method string, f func(context.Context, *Req, *Reply) error) {
	e.kinds[method] = k
	session.Handle(e.mux, method, f)
}

// onStream registers a method that answers with a stream.
func onStream[Req any](e *Endpoints, k Kind, method string, f func(context.Context, *Req, session.Stream) error) {
	e.kinds[method] = k
	session.HandleStream(e.mux, method, f)
}

// read runs f on a snapshot, blocking as the options ask, and fills meta.
func (e *Endpoints) read(ctx context.Context, o *nl.QueryOptions, meta *nl.QueryMeta, f func(*store.Snapshot) (index uint64, watch []store.Key, err error)) error {
	err := e.cfg.Store.Query(ctx, o.MinIndex, o.MaxWait, func(s *store.Snapshot) (uint64, []store.Key, error) {
		index, watch, err := f(s)
		if index == 0 {
			index = 1 // a client that blocks on 0 would not block
		}
		meta.Index = index
		return index, watch, err
	})
	meta.LastContact = e.cfg.Log.LastContact()
	meta.KnownLeader = e.cfg.Log.IsLeader() || e.cfg.Log.LeaderAddr() != ""
	return err
}

// propose writes and returns the index of the commit.
func (e *Endpoints) propose(ctx context.Context, o op.Op) (Result, error) {
	return e.cfg.Log.Propose(ctx, o)
}

// now is the time to stamp on what is proposed, unix ns.
func (e *Endpoints) now() int64 { return e.cfg.Now().UnixNano() }

// snapshot is the newest state.
func (e *Endpoints) snapshot() *store.Snapshot { return e.cfg.Store.Snapshot() }
