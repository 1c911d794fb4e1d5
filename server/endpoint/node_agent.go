package endpoint

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/server/watch"
)

// nodeIdentityTTL is how long identities of nodes of a new pool last.
const nodeIdentityTTL = 24 * time.Hour

// featuresNow is what this version of the servers supports beyond the first.
const featuresNow = 0

// authNode checks a node's secret and returns the node as state has it. Whatever
// the node came for, it is alive, and is known to be before that takes its time.
func (e *Endpoints) authNode(nodeID, secret string) (*nl.Node, error) {
	n := e.snapshot().Node(nodeID)
	if n == nil {
		return nil, nl.Errorf(nl.CodeNotFound, "node not found")
	}
	if subtle.ConstantTimeCompare([]byte(n.SecretID), []byte(secret)) != 1 {
		return nil, nl.Errorf(nl.CodeDenied, "node secret ID does not match. Not registering node.")
	}
	e.cfg.Heartbeats.Heard(n.ID)
	return n, nil
}

func (e *Endpoints) nodeRegister(ctx context.Context, req *query.NodeRegister, reply *query.NodeUpdate) error {
	if req.Node == nil {
		return nl.Errorf(nl.CodeInvalid, "missing node for client registration")
	}
	if err := checkNode(req.Node); err != nil {
		return err
	}
	fresh := *req.Node // the request stays as it is: it may be made again
	n := &fresh
	s := e.snapshot()
	old := s.Node(n.ID)
	if old != nil {
		if _, err := e.authNode(n.ID, n.SecretID); err != nil {
			return err
		}
	}
	n.NodePool = poolOf(n)
	if n.Status == "" {
		n.Status = nl.NodeStatusInit
	}
	n.StatusUpdatedAt = e.cfg.Now().Unix()
	if key := s.ActiveRootKey(); key != nil {
		n.IdentitySigningKeyID = key.Meta.KeyID
	}
	o := &op.RegisterNode{Node: n, Time: e.now()}
	if s.NodePool(n.NodePool) == nil {
		o.NodePool = &nl.NodePool{Name: n.NodePool, NodeIdentityTTL: nodeIdentityTTL}
		o.NodePool.SetHash()
	}
	if old == nil || watch.StatusNeedsEvals(old.Status, n.Status) {
		o.Evals, o.Seen = watch.EvalsForJoiningNode(s, n, nl.TriggerNodeUpdate, e.now(), e.cfg.NewID), s.Index()
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	e.cfg.Nodes.Bind(ctx, n.ID)
	e.answerNode(n.ID, r.Index, reply)
	return nil
}

func (e *Endpoints) nodeHeartbeat(ctx context.Context, req *query.NodeHeartbeat, reply *query.NodeUpdate) error {
	n, err := e.authNode(req.NodeID, req.SecretID)
	if err != nil {
		return err
	}
	status := req.Status
	if status == "" {
		status = nl.NodeStatusReady
	}
	if !validNodeStatus(status) {
		return nl.Errorf(nl.CodeInvalid, "invalid status %q for node", status)
	}
	index := e.snapshot().Index()
	if n.Status != status {
		o := &op.SetNodeStatus{NodeID: n.ID, Status: status, Time: e.now()}
		if n.Status == nl.NodeStatusDown || n.Status == nl.NodeStatusDisconnected {
			o.Event = e.nodeEvent("Cluster", "Node reregistered by heartbeat")
		}
		if watch.StatusNeedsEvals(n.Status, status) {
			s := e.snapshot()
			o.Evals, o.Seen = watch.EvalsForNode(s, n.ID, nl.TriggerNodeUpdate, e.now(), e.cfg.NewID), s.Index()
		}
		r, err := e.propose(ctx, o)
		if err != nil {
			return err
		}
		index = r.Index
	}
	e.cfg.Nodes.Bind(ctx, n.ID)
	e.answerNode(n.ID, index, reply)
	return nil
}

// answerNode tells a node how long it may stay silent and whom it may call.
func (e *Endpoints) answerNode(nodeID string, index uint64, reply *query.NodeUpdate) {
	reply.Index = index
	reply.HeartbeatTTL = e.cfg.Heartbeats.Beat(nodeID)
	reply.Features = featuresNow
	if n := e.snapshot().Node(nodeID); n != nil {
		reply.Eligibility = n.SchedulingEligibility
	}
	for _, m := range e.cfg.Cluster.Servers("") {
		reply.Servers = append(reply.Servers, query.Server{ID: m.ID, Name: m.Name, Datacenter: m.Datacenter, RPCAddr: m.RPCAddr, Leader: m.Leader})
	}
}

func (e *Endpoints) nodeUpdateAllocs(ctx context.Context, req *query.NodeAllocUpdates, reply *query.Written) error {
	n, err := e.authNode(req.NodeID, req.SecretID)
	if err != nil {
		return err
	}
	if n.Status == nl.NodeStatusDown || n.Status == nl.NodeStatusDisconnected {
		// The scheduler would take what it runs for unreachable still, and decide
		// against what the node tells.
		return nl.Errorf(nl.CodeConflict, "updates of allocations refused: node %s is %s; it must be heard of first", n.ID, n.Status)
	}
	s := e.snapshot()
	own := e.status.own(req.Updates)
	updates := make([]*nl.AllocUpdate, 0, len(own))
	for i := range own {
		// A node may only speak for its own allocations.
		if a := s.AllocOf(&own[i]); a != nil && a.NodeID == n.ID {
			updates = append(updates, &own[i])
		}
	}
	if len(updates) == 0 {
		reply.Index = s.Index()
		return nil
	}
	o := &op.UpdateAllocs{NodeID: n.ID, Updates: updates, Time: e.now(),
		Evals: watch.EvalsForAllocUpdates(s, updates, e.now(), e.cfg.NewID)}
	reply.Index, err = e.status.write(ctx, o)
	return err
}

func (e *Endpoints) nodeUpdateServices(ctx context.Context, req *query.NodeServices, reply *query.Written) error {
	n, err := e.authNode(req.NodeID, req.SecretID)
	if err != nil {
		return err
	}
	s := e.snapshot()
	b := &op.Batch{}
	var up []*nl.ServiceRegistration
	for _, given := range req.Upsert {
		if given == nil {
			continue
		}
		if a := s.Alloc(given.AllocID); a != nil && a.NodeID == n.ID && !a.TerminalClient() {
			r := *given
			r.NodeID, r.Namespace, r.Datacenter = n.ID, a.Namespace, n.Datacenter
			up = append(up, &r)
		}
	}
	if len(up) > 0 {
		b.Ops = append(b.Ops, &op.UpsertServices{Services: up})
	}
	gone := map[string][]string{}
	for _, id := range req.Delete {
		for r := range s.Services(nl.AllNamespaces) {
			if r.ID == id && r.NodeID == n.ID {
				gone[r.Namespace] = append(gone[r.Namespace], id)
			}
		}
	}
	for _, ns := range sortedKeys(gone) {
		b.Ops = append(b.Ops, &op.DeleteServices{Namespace: ns, IDs: gone[ns]})
	}
	reply.Index = s.Index()
	if len(b.Ops) == 0 {
		return nil
	}
	r, err := e.propose(ctx, b)
	reply.Index = r.Index
	return err
}

func (e *Endpoints) nodeAddEvents(ctx context.Context, req *query.NodeEvents, reply *query.Written) error {
	n, err := e.authNode(req.NodeID, req.SecretID)
	if err != nil {
		return err
	}
	events := slices.DeleteFunc(slices.Clone(req.Events), func(ev *nl.NodeEvent) bool { return ev == nil })
	if len(events) == 0 {
		return nil
	}
	r, err := e.propose(ctx, &op.AddNodeEvents{Events: map[string][]*nl.NodeEvent{n.ID: events}})
	reply.Index = r.Index
	return err
}
