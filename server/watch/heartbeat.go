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

// The event of a node that was not heard of in time.
const (
	missedMessage   = "Node heartbeat missed"
	missedSubsystem = "Cluster"
)

// Heartbeats knows until when each node must be heard of. Endpoints call Beat
// and Forget while the leader's loop calls Step.
type Heartbeats struct {
	cfg HeartbeatConfig

	mu    sync.Mutex
	until map[string]time.Time
	// queue holds every node, by a time that is not later than until: a
	// heartbeat only writes until, and the queue is corrected when it comes up.
	queue dueHeap
}

// due is a node in the queue.
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
	return &Heartbeats{cfg: cfg, until: map[string]time.Time{}}
}

// Reset watches the nodes of a state as a new leader does: they know the old
// leader only, and have time to find this one.
func (h *Heartbeats) Reset(now time.Time, s *store.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until, h.queue = map[string]time.Time{}, nil
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
	base := max(h.cfg.MinTTL, time.Duration(float64(len(h.until))/h.cfg.MaxPerSecond*float64(time.Second)))
	ttl = base + time.Duration(jitter*float64(base))
	return ttl, h.set(nodeID, now.Add(ttl+h.cfg.Grace)) && h.queue[0].node == nodeID
}

// Forget ends watching a node.
func (h *Heartbeats) Forget(nodeID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.until, nodeID)
}

// Count is how many nodes are watched.
func (h *Heartbeats) Count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.until)
}

// set tells whether the node came into the queue anew.
func (h *Heartbeats) set(nodeID string, until time.Time) bool {
	old, known := h.until[nodeID]
	h.until[nodeID] = until
	if known && !until.Before(old) {
		return false
	}
	heap.Push(&h.queue, due{until, nodeID})
	return true
}

// Step gives the changes of nodes that were not heard of in time, and when the
// next one may be due.
func (h *Heartbeats) Step(now time.Time, s *store.Snapshot, newID func() string) (ops []op.Op, wake time.Time) {
	for _, id := range h.expire(now) {
		if o := missed(now, s, id, newID); o != nil {
			ops = append(ops, o)
		}
	}
	for n := range s.Nodes() {
		if n.Status == nl.NodeStatusDisconnected && !mayReconnect(s, n.ID) {
			ops = append(ops, setStatus(now, s, n, nl.NodeStatusDown, newID))
		}
	}
	return ops, h.next()
}

// expire takes the nodes whose time is up.
func (h *Heartbeats) expire(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for len(h.queue) > 0 && !h.queue[0].at.After(now) {
		d := heap.Pop(&h.queue).(due)
		until, known := h.until[d.node]
		switch {
		case !known:
		case until.After(now):
			heap.Push(&h.queue, due{until, d.node})
		default:
			delete(h.until, d.node)
			out = append(out, d.node)
		}
	}
	return out
}

func (h *Heartbeats) next() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return time.Time{}
	}
	return h.queue[0].at
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
