package endpoint

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/store"
	"github.com/nomadlike/nomadlike/server/watch"
)

func (e *Endpoints) registerNodes() {
	on(e, Read, "Node.List", e.nodeList)
	on(e, Read, "Node.Get", e.nodeGet)
	on(e, Read, "Node.AllocList", e.nodeAllocList)
	on(e, Write, "Node.Drain", e.nodeDrain)
	on(e, Write, "Node.Eligibility", e.nodeEligibility)
	on(e, Write, "Node.Evaluate", e.nodeEvaluate)
	on(e, Write, "Node.Purge", e.nodePurge)

	on(e, Write, "Node.Register", e.nodeRegister)
	on(e, Write, "Node.Heartbeat", e.nodeHeartbeat)
	on(e, Write, "Node.UpdateAllocs", e.nodeUpdateAllocs)
	on(e, Write, "Node.UpdateServices", e.nodeUpdateServices)
	on(e, Write, "Node.AddEvents", e.nodeAddEvents)
	on(e, Local, "Node.SignIdentities", e.nodeSignIdentities)
	on(e, Read, "Node.Identity", e.nodeIdentity)
	on(e, Write, "Node.Introduce", e.nodeIntroduce)
	onStream(e, Local, "Node.Allocs", e.nodeAllocs)
}

func (e *Endpoints) nodeList(ctx context.Context, req *query.NodeList, reply *query.NodeStubs) error {
	if err := e.authorize(req.AuthToken, need{node: "read"}); err != nil {
		return err
	}
	if err := checkPrefix("node lookup failed", req.Prefix); err != nil {
		return err
	}
	err := e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		seq := s.Nodes()
		if req.Prefix != "" {
			seq = s.NodesByPrefix(req.Prefix)
		}
		nodes, err := pager[*nl.Node]{
			opts: &req.QueryOptions, token: func(n *nl.Node) string { return n.ID },
			keep: func(n *nl.Node) bool {
				return req.NodePool == "" || req.NodePool == nl.NodePoolAll || n.NodePool == req.NodePool
			},
		}.page(seq, &reply.QueryMeta)
		if err != nil {
			return 0, nil, err
		}
		reply.Nodes = make([]*nl.NodeStub, 0, len(nodes))
		for _, n := range nodes {
			reply.Nodes = append(reply.Nodes, nodeStub(n, req.Resources, req.OS))
		}
		return s.TableIndex(store.TableNodes), []store.Key{{Table: store.TableNodes}}, nil
	})
	e.noPool(req.NodePool, &reply.QueryMeta)
	return err
}

// noPool takes the index back when the pool that was listed does not exist, as
// recorded: there is nothing to wait for.
func (e *Endpoints) noPool(name string, meta *nl.QueryMeta) {
	if name != "" && e.snapshot().NodePool(name) == nil {
		meta.Index = 0
	}
}

func nodeStub(n *nl.Node, resources, osName bool) *nl.NodeStub {
	out := &nl.NodeStub{
		ID: n.ID, Datacenter: n.Datacenter, Name: n.Name, NodePool: n.NodePool, NodeClass: n.NodeClass,
		Version: n.Attributes["nomad.version"], Drain: n.DrainStrategy != nil, SchedulingEligibility: n.SchedulingEligibility,
		Status: n.Status, StatusDescription: n.StatusDescription, Drivers: n.Drivers, HostVolumes: n.HostVolumes,
		LastDrain: n.LastDrain, CreateIndex: n.CreateIndex, ModifyIndex: n.ModifyIndex,
	}
	if host, _, err := net.SplitHostPort(n.HTTPAddr); err == nil {
		out.Address = host
	}
	if resources {
		out.NodeResources, out.ReservedResources = n.NodeResources, n.ReservedResources
	}
	if osName {
		out.Attributes = map[string]string{"os.name": n.Attributes["os.name"]}
	}
	return out
}

func (e *Endpoints) nodeGet(ctx context.Context, req *query.NodeGet, reply *query.NodeReply) error {
	if err := checkUUID("node lookup failed", req.ID); err != nil {
		return err
	}
	if err := e.authorize(req.AuthToken, need{node: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		watch := []store.Key{{Table: store.TableNodes, ID: req.ID}}
		n := s.Node(req.ID)
		if n == nil {
			reply.Node = nil
			return s.TableIndex(store.TableNodes), watch, nil
		}
		public := *n
		public.SecretID = ""
		if key := s.ActiveRootKey(); key != nil && public.IdentitySigningKeyID == "" {
			// The node came before the cluster had a key; its identity is signed
			// with the key there is now.
			public.IdentitySigningKeyID = key.Meta.KeyID
		}
		reply.Node = &public
		return n.ModifyIndex, watch, nil
	})
}

func (e *Endpoints) nodeAllocList(ctx context.Context, req *query.NodeGet, reply *query.NodeAllocsReply) error {
	if err := e.authorize(req.AuthToken, need{node: "read"}); err != nil {
		return err
	}
	return e.read(ctx, &req.QueryOptions, &reply.QueryMeta, func(s *store.Snapshot) (uint64, []store.Key, error) {
		reply.Allocs, reply.Jobs = []*nl.Alloc{}, nil
		index := uint64(0)
		for a := range s.AllocsByNode(req.ID) {
			index = max(index, a.ModifyIndex)
			reply.Allocs = append(reply.Allocs, a)
			reply.Jobs = append(reply.Jobs, a.Job)
		}
		if index == 0 {
			index = s.TableIndex(store.TableAllocs)
		}
		return index, []store.Key{{Table: store.TableAllocs, ID: req.ID}}, nil
	})
}

// nodeEvent is an event of a node that the servers write.
func (e *Endpoints) nodeEvent(subsystem, message string) *nl.NodeEvent {
	return &nl.NodeEvent{Subsystem: subsystem, Message: message, Timestamp: nl.Time{Time: e.cfg.Now().UTC()}, Details: map[string]string{}}
}

func (e *Endpoints) changingNode(req *query.NodeChange) (*nl.Node, error) {
	if err := e.authorize(req.AuthToken, need{node: "write"}); err != nil {
		return nil, err
	}
	if req.ID == "" {
		return nil, fmt.Errorf("missing node ID")
	}
	if err := checkUUID("node lookup failed", req.ID); err != nil {
		return nil, err
	}
	n := e.snapshot().Node(req.ID)
	if n == nil {
		return nil, fmt.Errorf("node not found")
	}
	return n, nil
}

func (e *Endpoints) nodeDrain(ctx context.Context, req *query.NodeChange, reply *nl.NodeDrainUpdateResponse) error {
	n, err := e.changingNode(req)
	if err != nil {
		return err
	}
	now := e.cfg.Now().UTC()
	whole := nl.Time{Time: now.Truncate(time.Second)}
	o := &op.SetNodeDrain{NodeID: n.ID, MarkEligible: req.MarkEligible, Time: now.UnixNano()}
	message := "Node drain disabled"
	last := &nl.DrainMetadata{StartedAt: whole, UpdatedAt: whole, Status: "draining", Meta: req.Meta}
	if n.LastDrain != nil && n.DrainStrategy != nil {
		last.StartedAt = n.LastDrain.StartedAt
	}
	if d := req.Drain; d != nil {
		message = "Node drain strategy set"
		o.Strategy = &nl.DrainStrategy{Deadline: d.Deadline, IgnoreSystemJobs: d.IgnoreSystemJobs, StartedAt: nl.Time{Time: now}}
		if n.DrainStrategy != nil {
			message = "Node drain strategy updated"
			o.Strategy.StartedAt = n.DrainStrategy.StartedAt
		}
		if d.Deadline > 0 {
			o.Strategy.ForceDeadline = nl.Time{Time: now.Add(d.Deadline)}
		}
		o.LastDrain = last
	} else if n.DrainStrategy != nil {
		last.Status = "canceled"
		if last.Meta == nil && n.LastDrain != nil {
			last.Meta = n.LastDrain.Meta
		}
		o.LastDrain = last
	}
	o.Event = e.nodeEvent("Drain", message)
	// Marking a node eligible again may place what was blocked or system jobs.
	if o.Strategy == nil && req.MarkEligible {
		s := e.snapshot()
		o.Evals, o.Seen = watch.EvalsForNode(s, n.ID, nl.TriggerNodeUpdate, now.UnixNano(), e.cfg.NewID), s.Index()
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index, reply.NodeModifyIndex = r.Index, r.Index
	reply.EvalIDs, reply.EvalCreateIndex = evalIDs(o.Evals, r.Index)
	return nil
}

func evalIDs(evals []*nl.Eval, index uint64) ([]string, uint64) {
	if len(evals) == 0 {
		return nil, 0
	}
	var ids []string
	for _, ev := range evals {
		ids = append(ids, ev.ID)
	}
	return ids, index
}

func (e *Endpoints) nodeEligibility(ctx context.Context, req *query.NodeChange, reply *nl.NodeEligibilityUpdateResponse) error {
	n, err := e.changingNode(req)
	if err != nil {
		return err
	}
	o := &op.SetNodeEligibility{NodeID: n.ID, Eligibility: req.Eligibility, Time: e.now()}
	switch req.Eligibility {
	case nl.NodeEligible:
		if n.DrainStrategy != nil {
			return fmt.Errorf("can not set node's scheduling eligibility to eligible while it is draining")
		}
		o.Event = e.nodeEvent("Cluster", "Node marked as eligible for scheduling")
		if n.SchedulingEligibility == nl.NodeIneligible {
			s := e.snapshot()
			o.Evals, o.Seen = watch.EvalsForNode(s, n.ID, nl.TriggerNodeUpdate, e.now(), e.cfg.NewID), s.Index()
		}
	case nl.NodeIneligible:
		o.Event = e.nodeEvent("Cluster", "Node marked as ineligible for scheduling")
	default:
		return fmt.Errorf("invalid scheduling eligibility %q", req.Eligibility)
	}
	if req.Eligibility == n.SchedulingEligibility {
		return nil // nothing to change, no index to tell
	}
	r, err := e.propose(ctx, o)
	if err != nil {
		return err
	}
	reply.Index = r.Index
	reply.EvalIDs, reply.EvalCreateIndex = evalIDs(o.Evals, r.Index)
	return nil
}

func (e *Endpoints) nodeEvaluate(ctx context.Context, req *query.NodeChange, reply *nl.NodeUpdateResponse) error {
	n, err := e.changingNode(req)
	if err != nil {
		return err
	}
	evals := watch.EvalsForNode(e.snapshot(), n.ID, nl.TriggerNodeUpdate, e.now(), e.cfg.NewID)
	reply.Index = e.snapshot().Index()
	reply.NumNodes, reply.SchedulingEligibility = e.snapshot().NodeCount(), n.SchedulingEligibility
	reply.LeaderRPCAddr = e.cfg.Log.LeaderAddr()
	for _, m := range e.cfg.Cluster.Servers("") {
		reply.Servers = append(reply.Servers, &nl.NodeServerInfo{RPCAdvertiseAddr: m.RPCAddr, Datacenter: m.Datacenter})
	}
	if len(evals) == 0 {
		return nil
	}
	r, err := e.propose(ctx, &op.UpsertEvals{Evals: evals})
	reply.Index = r.Index
	reply.EvalIDs, reply.EvalCreateIndex = evalIDs(evals, r.Index)
	return err
}

func (e *Endpoints) nodePurge(ctx context.Context, req *query.NodeChange, reply *nl.NodeUpdateResponse) error {
	n, err := e.changingNode(req)
	if err != nil {
		return err
	}
	s := e.snapshot()
	evals := watch.EvalsForNode(s, n.ID, nl.TriggerNodeUpdate, e.now(), e.cfg.NewID)
	r, err := e.propose(ctx, &op.DeregisterNodes{NodeIDs: []string{n.ID}, Evals: evals, Seen: s.Index(), Time: e.now()})
	if err != nil {
		return err
	}
	e.cfg.Heartbeats.Forget(n.ID)
	reply.Index, reply.NodeModifyIndex = r.Index, r.Index
	reply.EvalIDs, reply.EvalCreateIndex = evalIDs(evals, r.Index)
	return nil
}

// validNodeStatus tells whether a node may say of itself that it is so.
func validNodeStatus(s string) bool {
	switch s {
	case nl.NodeStatusInit, nl.NodeStatusReady, nl.NodeStatusDown, nl.NodeStatusDisconnected:
		return true
	}
	return false
}

// poolOf is the pool a node asks to be in.
func poolOf(n *nl.Node) string {
	if n.NodePool == "" {
		return nl.NodePoolDefault
	}
	return n.NodePool
}

// checkNode refuses registrations that cannot be a node's.
func checkNode(n *nl.Node) error {
	var wrong []string
	for _, f := range []struct{ name, value string }{{"ID", n.ID}, {"secret ID", n.SecretID}, {"datacenter", n.Datacenter}, {"name", n.Name}} {
		if f.value == "" {
			wrong = append(wrong, "missing "+f.name+" for client registration")
		}
	}
	if n.ID != "" && len(n.ID) != uuidLen {
		wrong = append(wrong, fmt.Sprintf("node ID %q is not a UUID", n.ID))
	}
	if n.Status != "" && !validNodeStatus(n.Status) {
		wrong = append(wrong, fmt.Sprintf("invalid status %q for node", n.Status))
	}
	if n.NodePool == nl.NodePoolAll {
		wrong = append(wrong, `node is not allowed to register in node pool "all"`)
	}
	if len(wrong) > 0 {
		return nl.Errorf(nl.CodeInvalid, "node %q refused: %s", n.ID, strings.Join(wrong, "; "))
	}
	return nil
}
