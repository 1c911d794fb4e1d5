package rpc

import (
	"context"
	"sync"

	"github.com/nomadlike/nomadlike/nomadlike/session"
)

// metaForwarded marks a call that another server passed on: its session is
// that server's, not the maker's.
const metaForwarded = "forwarded"

// Forwarded tells whether the call that ctx serves was passed on by another server.
func Forwarded(ctx context.Context) bool { return session.Meta(ctx, metaForwarded) != "" }

// WithForwarded marks the calls made under ctx as passed on.
func WithForwarded(ctx context.Context) context.Context {
	return session.WithMeta(ctx, metaForwarded, "1")
}

// Nodes remembers over which session each node can be called. A node has one,
// the newest over which it proved itself.
type Nodes struct {
	mu    sync.Mutex
	nodes map[string]bound
}

type bound struct {
	caller session.Caller
	done   <-chan struct{}
}

// NewNodes makes an empty registry.
func NewNodes() *Nodes { return &Nodes{nodes: map[string]bound{}} }

// Bind ties the session the call in ctx came over to the node. The caller has
// checked the node's secret.
func (n *Nodes) Bind(ctx context.Context, nodeID string) {
	if Forwarded(ctx) {
		return
	}
	caller, done, ok := session.Back(ctx)
	if !ok {
		return
	}
	if s := session.From(ctx); s != nil && s.Peer().NodeID != nodeID {
		s.SetPeer(session.PeerInfo{NodeID: nodeID})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[nodeID] = bound{caller: caller, done: done}
}

// Lookup gives the way to call a node.
func (n *Nodes) Lookup(nodeID string) (session.Caller, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, ok := n.nodes[nodeID]
	if !ok {
		return nil, false
	}
	select {
	case <-b.done:
		delete(n.nodes, nodeID)
		return nil, false
	default:
		return b.caller, true
	}
}

// Count is how many nodes are connected to this server.
func (n *Nodes) Count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.nodes)
}

// forget removes a node if it is still bound to this session.
func (n *Nodes) forget(nodeID string, s session.Caller) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes[nodeID].caller == s {
		delete(n.nodes, nodeID)
	}
}
