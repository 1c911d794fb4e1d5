package watch

import (
	"container/heap"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/nomadlike/store"
)

// HeartbeatConfig says how often nodes must be heard of. Zero fields take the
// defaults below.
type HeartbeatConfig struct {
	MinTTL       time.Duration // least time granted
	MaxPerSecond float64       // heartbeats the leader is ready to take
	Grace        time.Duration // beyond what was granted, for a slow network
	FailoverTTL  time.Duration // granted to every node by a new leader
}

// Defaults of HeartbeatConfig.
const (
	MinHeartbeatTTL        = 10 * time.Second
	MaxHeartbeatsPerSecond = 50.0
	HeartbeatGrace         = 10 * time.Second
	FailoverHeartbeatTTL   = 5 * time.Minute
)

const (
	// heartbeatLook is how often Step is to be called at least while nodes are
	// watched: the leader knows by it how long it was held up.
	heartbeatLook = 2 * time.Second
	// heldUpMin is how much later than that a call must come to count as held up.
	// Less is usual where there is much to do, and the grace is many times that.
	heldUpMin = time.Second
	// missedAgain is when a node is looked at again that was found silent: the
	// state may not show it yet, or the log may have refused it.
	missedAgain = time.Second
	// missedMax is how many nodes one look finds silent, of which the log is told
	// in one entry: when more are, those at the end are not judged by what was
	// known long before their turn came.
	missedMax = 64
)

// The event of a node that was not heard of in time.
const (
	missedMessage   = "Node heartbeat missed"
	missedSubsystem = "Cluster"
)

// Heartbeats knows until when each node must be heard of. Endpoints call Beat,
// Heard and Forget while the leader's loop calls Step.
//
// A node that was not heard of is silent only if the leader could have heard. A
// leader that was held up itself (its machine was suspended, or so busy that
// nothing else ran) sees that Step comes much later than it asked for, and gives
// all nodes that time back.
type Heartbeats struct {
	cfg HeartbeatConfig

	mu    sync.Mutex
	nodes map[string]*watched
	queue dueHeap

	looked, asked time.Time // when Step was called last, and asked to be called again; zero: never
	heard         time.Time // when any node was heard of last
}

// watched is a node that must be heard of.
type watched struct {
	until time.Time
	// at is when it is looked at, which is never later than it must be: being heard
	// of only moves until, and the queue is corrected when the node comes up.
	at time.Time
}

// due is a node in the queue, unless it is watched no more or looked at at
// another time.
type due struct {
	at   time.Time
	node string
}

// NewHeartbeats watches nobody.
func NewHeartbeats(cfg HeartbeatConfig) *Heartbeats {
	if cfg.MinTTL == 0 {
		cfg.MinTTL = MinHeartbeatTTL
	}
	if cfg.MaxPerSecond == 0 {
		cfg.MaxPerSecond = MaxHeartbeatsPerSecond
	}
	if cfg.Grace == 0 {
		cfg.Grace = HeartbeatGrace
	}
	if cfg.FailoverTTL == 0 {
		cfg.FailoverTTL = FailoverHeartbeatTTL
	}
	return &Heartbeats{cfg: cfg, nodes: map[string]*watched{}}
}

// Reset watches the nodes of a state as a new leader does: they know the old
// leader only, and have time to find this one.
func (h *Heartbeats) Reset(now time.Time, s *store.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nodes, h.queue = map[string]*watched{}, nil
	h.looked, h.asked, h.heard = time.Time{}, time.Time{}, time.Time{}
	for n := range s.Nodes() {
		if n.Status != nl.NodeStatusDown && n.Status != nl.NodeStatusDisconnected {
			h.set(n.ID, now.Add(h.cfg.FailoverTTL))
		}
	}
}

// Beat notes that a node was heard of and returns the time granted to it.
// jitter in [0,1) spreads the nodes. first tells that the node is now the
// first whose time may be up, so that whoever waits for Step must wake sooner.
func (h *Heartbeats) Beat(now time.Time, nodeID string, jitter float64) (ttl time.Duration, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = now
	base := h.base()
	if w := h.nodes[nodeID]; w != nil && !w.until.After(now) {
		base = h.cfg.MinTTL // the log may be about to say that it is silent: it is to see that soon
	}
	ttl = base + time.Duration(jitter*float64(base))
	return ttl, h.set(nodeID, now.Add(ttl+h.cfg.Grace)) && h.queue[0].node == nodeID
}

// base is the least time granted to a node among so many.
func (h *Heartbeats) base() time.Duration {
	return max(h.cfg.MinTTL, time.Duration(float64(len(h.nodes))/h.cfg.MaxPerSecond*float64(time.Second)))
}

// Heard notes that a node that is watched was heard of otherwise. It is given as
// much time as by a heartbeat, and never less than it has.
func (h *Heartbeats) Heard(now time.Time, nodeID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = now
	if w := h.nodes[nodeID]; w != nil {
		w.until = later(w.until, now.Add(h.base()+h.cfg.Grace))
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Forget ends watching a node.
func (h *Heartbeats) Forget(nodeID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.nodes, nodeID)
}

// Count is how many nodes are watched.
func (h *Heartbeats) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.nodes)
}

// set tells whether the node came into the queue anew.
func (h *Heartbeats) set(nodeID string, until time.Time) bool {
	w := h.nodes[nodeID]
	if w == nil {
		w = &watched{}
		h.nodes[nodeID] = w
	}
	w.until = until
	if !w.at.IsZero() && !until.Before(w.at) {
		return false
	}
	h.enter(nodeID, w, until)
	return true
}

// enter has a node looked at at a time.
func (h *Heartbeats) enter(nodeID string, w *watched, at time.Time) {
	w.at = at
	heap.Push(&h.queue, due{at, nodeID})
}

// Step gives the changes of nodes that were not heard of in time, and when it is
// to be called again.
func (h *Heartbeats) Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	h.giveBack(now)
	silent := &op.Batch{}
	for _, id := range h.expire(now) {
		o := missed(now, s, id, newID)
		if o == nil {
			h.drop(now, id)
			continue
		}
		silent.Ops = append(silent.Ops, o)
	}
	switch len(silent.Ops) {
	case 0:
	case 1:
		ops = silent.Ops
	default:
		ops = []op.Op{silent}
	}
	for n := range s.Nodes() {
		if n.Status == nl.NodeStatusDisconnected && !mayReconnect(s, n.ID) {
			ops = append(ops, setStatus(now, s, n, nl.NodeStatusDown, newID))
		}
	}
	return ops, h.ask(now)
}

// giveBack gives nodes the time since the last look when this one comes later
// than it was asked for: what they sent in it may still be on its way. They have
// at least as long again, since whoever is not answered tries again after pauses
// that grow like the time that has passed, but need no longer than to find a new
// leader.
func (h *Heartbeats) giveBack(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked.IsZero() || now.Sub(h.asked) < heldUpMin {
		return
	}
	held := now.Sub(h.looked)
	least := now.Add(min(held, h.cfg.FailoverTTL))
	for _, w := range h.nodes {
		w.until = later(w.until.Add(held), least)
	}
}

// proposed notes that what came of the last look was in the log only now. A slow
// log is no reason for a late look, if nodes were heard of meanwhile.
func (h *Heartbeats) proposed(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.asked.IsZero() && h.heard.After(h.looked) {
		h.looked, h.asked = now, later(h.asked, now)
	}
}

// ask says when the next look is to be.
func (h *Heartbeats) ask(now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked, h.asked = now, time.Time{}
	if len(h.queue) > 0 {
		h.asked = sooner(h.queue[0].at, now.Add(heartbeatLook))
	}
	return h.asked
}

// expire gives nodes whose time is up. They are watched still, and come up again
// until they are dropped or heard of.
func (h *Heartbeats) expire(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for len(h.queue) > 0 && !h.queue[0].at.After(now) && len(out) < missedMax {
		d := heap.Pop(&h.queue).(due)
		w := h.nodes[d.node]
		switch {
		case w == nil || !w.at.Equal(d.at):
		case w.until.After(now):
			h.enter(d.node, w, w.until)
		default:
			h.enter(d.node, w, now.Add(missedAgain))
			out = append(out, d.node)
		}
	}
	return out
}

// drop ends watching a node that the state shows as silent, or not at all,
// unless it was heard of meanwhile.
func (h *Heartbeats) drop(now time.Time, nodeID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.nodes[nodeID]; w != nil && !w.until.After(now) {
		delete(h.nodes, nodeID)
	}
}

// missed is what becomes of a node that was not heard of, nil for nothing.
func missed(now time.Time, s *store.Snapshot, id string, newID func() string) op.Op {
	n := s.Node(id)
	if n == nil || n.Status == nl.NodeStatusDown || n.Status == nl.NodeStatusDisconnected {
		return nil
	}
	status := nl.NodeStatusDown
	if mayReconnect(s, id) {
		status = nl.NodeStatusDisconnected
	}
	o := setStatus(now, s, n, status, newID)
	o.Event = &nl.NodeEvent{Message: missedMessage, Subsystem: missedSubsystem, Timestamp: nl.Time{Time: now}}
	return o
}

func setStatus(now time.Time, s *store.Snapshot, n *nl.Node, status string, newID func() string) *op.SetNodeStatus {
	return &op.SetNodeStatus{
		NodeID: n.ID, Status: status, Time: now.UnixNano(), Seen: s.Index(),
		Evals: EvalsForNode(s, n.ID, nl.TriggerNodeUpdate, now.UnixNano(), newID),
	}
}

// mayReconnect tells whether something runs on the node that may be waited for
// while the node is silent.
func mayReconnect(s *store.Snapshot, nodeID string) bool {
	for a := range s.AllocsByNode(nodeID) {
		if a.Terminal() || a.Job == nil || a.ClientStatus != nl.AllocClientRunning && a.ClientStatus != nl.AllocClientUnknown {
			continue
		}
		if g := a.Job.Group(a.TaskGroup); g != nil && g.Disconnect != nil && g.Disconnect.LostAfter > 0 {
			return true
		}
	}
	return false
}

// dueHeap implements heap.Interface.
type dueHeap []due

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].node < h[j].node
}

func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *dueHeap) Push(x any) { *h = append(*h, x.(due)) }

func (h *dueHeap) Pop() any {
	old := *h
	last := len(old) - 1
	d := old[last]
	*h = old[:last]
	return d
}
