package server

import (
	"context"
	"errors"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
	"github.com/nomadlike/nomadlike/nomadlike/wire"
	"github.com/nomadlike/nomadlike/server/member"
	"github.com/nomadlike/nomadlike/server/rpc"
)

const (
	// askTimeout bounds asking the other servers who has a node.
	askTimeout = 3 * time.Second
	// nodeCacheMax bounds the remembered places of nodes; beyond it all are
	// forgotten and asked for again.
	nodeCacheMax = 16384
)

// nodeCache remembers which server a node is connected to.
type nodeCache struct {
	mu sync.Mutex
	at map[string]string // server address by node ID
}

func (n *nodeCache) init() { n.at = map[string]string{} }

func (n *nodeCache) get(nodeID string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.at[nodeID]
}

func (n *nodeCache) put(nodeID, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.at) >= nodeCacheMax {
		n.at = map[string]string{}
	}
	n.at[nodeID] = addr
}

func (n *nodeCache) drop(nodeID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.at, nodeID)
}

// toNode runs a call on a node, over its session with this server or with
// another one.
func (s *Server) toNode(ctx context.Context, c *call) error {
	t, err := target(c.req)
	if err != nil {
		return err
	}
	if t.Region != "" && t.Region != s.cfg.Region {
		return s.toRegion(ctx, c, t.Region)
	}
	nodeID := t.NodeID
	if nodeID == "" {
		if nodeID, err = s.nodeOf(t.AllocID); err != nil {
			return err
		}
	} else if s.store.Snapshot().Node(nodeID) == nil {
		return nl.Errorf(nl.CodeNotFound, "Unknown node %q", nodeID)
	}
	if node, ok := s.nodes.Lookup(nodeID); ok {
		return c.remote(ctx, node, c.req)
	}
	if rpc.Forwarded(ctx) {
		return errNoNode // the server that forwarded it asks again
	}
	for range 2 { // the second time after the remembered place was wrong
		addr := s.where.get(nodeID)
		if addr == "" {
			if addr = s.ask(ctx, nodeID); addr == "" {
				return errNoNode
			}
			s.where.put(nodeID, addr)
		}
		err = s.toServer(ctx, c, addr)
		var lost *session.LostError
		if isNoNode(err) || errors.As(err, &lost) && !lost.Sent {
			s.where.drop(nodeID)
			continue
		}
		return err
	}
	return errNoNode
}

// nodeOf is the node of an allocation.
func (s *Server) nodeOf(allocID string) (string, error) {
	if allocID == "" {
		return "", nl.Errorf(nl.CodeInvalid, "the request names neither a node nor an allocation")
	}
	a := s.store.Snapshot().Alloc(allocID)
	if a == nil {
		return "", nl.Errorf(nl.CodeNotFound, "Unknown allocation %q", allocID)
	}
	return a.NodeID, nil
}

func isNoNode(err error) bool {
	var e *nl.Error
	return errors.As(err, &e) && e.Text == errNoNode.Error()
}

// hasNode asks a server whether a node is connected to it. Method Server.HasNode.
type hasNode struct{ NodeID string }

type hasNodeReply struct{ Has bool }

// ask finds the server that a node is connected to; "" when there is none.
func (s *Server) ask(ctx context.Context, nodeID string) (addr string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	others := s.others()
	found := make(chan string, len(others))
	for _, m := range others {
		go func() {
			var reply hasNodeReply
			to, err := s.pool.To(ctx, m.RPCAddr)
			if err == nil {
				err = to.Call(ctx, methodHasNode, &hasNode{NodeID: nodeID}, &reply)
			}
			if err != nil || !reply.Has {
				found <- ""
				return
			}
			found <- m.RPCAddr
		}()
	}
	for range others {
		if a := <-found; a != "" && addr == "" {
			addr = a
			cancel() // the rest is not needed
		}
	}
	return addr
}

// others are the other servers of the region that are alive.
func (s *Server) others() (out []member.Member) {
	for _, m := range s.members.Region(s.cfg.Region) {
		if m.ID != s.id {
			out = append(out, m)
		}
	}
	return out
}

// agentMethods are about an agent itself: a node's, a server's, or this one's.
var agentMethods = map[string]func(req any) (nodeID, serverID string){
	"Agent.Monitor": func(req any) (string, string) { r := req.(*query.AgentMonitor); return r.NodeID, r.ServerID },
	"Agent.Host":    func(req any) (string, string) { r := req.(*query.AgentHost); return r.NodeID, r.ServerID },
	"Agent.Profile": func(req any) (string, string) { r := req.(*query.AgentProfile); return r.NodeID, r.ServerID },
}

// typedAgent gives a request to an agent in its own type.
func typedAgent(method string, req any) (any, error) {
	raw, ok := req.(session.Raw)
	if !ok {
		return req, nil
	}
	var typed any
	switch method {
	case "Agent.Monitor":
		typed = new(query.AgentMonitor)
	case "Agent.Host":
		typed = new(query.AgentHost)
	default:
		typed = new(query.AgentProfile)
	}
	if err := wire.Decode(raw, typed); err != nil {
		return nil, nl.Errorf(nl.CodeInvalid, "%s: the request cannot be read: %s", method, err)
	}
	return typed, nil
}

// toAgent runs a call on the agent it is about.
func (s *Server) toAgent(ctx context.Context, c *call, who func(req any) (nodeID, serverID string)) error {
	var err error
	if c.req, err = typedAgent(c.method, c.req); err != nil {
		return err
	}
	region, _ := options(c.req)
	if region != "" && region != s.cfg.Region {
		return s.toRegion(ctx, c, region)
	}
	nodeID, serverID := who(c.req)
	switch {
	case nodeID != "":
		return s.toNode(ctx, c)
	case serverID == "" || serverID == s.id || serverID == s.cfg.Name || serverID == s.members.Self().Name,
		serverID == "leader" && s.consensus.IsElected():
		if s.cfg.Agent == nil {
			return nl.Errorf(nl.CodeNotFound, "this agent does not answer %s", c.method)
		}
		return c.remote(ctx, s.cfg.Agent, c.req)
	case rpc.Forwarded(ctx):
		return nl.Errorf(nl.CodeInvalid, "unknown Nomad server %s", serverID)
	case serverID == "leader":
		addr := s.consensus.LeaderAddr()
		if addr == "" {
			return nl.Errorf(nl.CodeInternal, "No cluster leader")
		}
		return s.toServer(ctx, c, addr)
	}
	for _, m := range s.others() {
		if serverID == m.ID || serverID == m.Server || serverID == m.Name {
			return s.toServer(ctx, c, m.RPCAddr)
		}
	}
	return nl.Errorf(nl.CodeInvalid, "unknown Nomad server %s", serverID)
}
