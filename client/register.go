package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
)

const (
	// registerRetry bounds the pause after a registration that failed; a random
	// part of it is added.
	registerRetry = time.Second
	// beatRetryMin and beatRetryMax bound the pause after a heartbeat that
	// failed.
	beatRetryMin = time.Second
	beatRetryMax = 30 * time.Second
	// overdueQuick is how long after a heartbeat was due retries are frequent.
	overdueQuick = 30 * time.Second
	// settle is how long changes of the node are collected before it is
	// registered again.
	settle = 50 * time.Millisecond
	// callTimeout bounds a registration or heartbeat.
	callTimeout = 30 * time.Second
)

// heartbeats is what is known of the contact with the servers.
type heartbeats struct {
	mu   sync.Mutex
	last time.Time // successful one
	ttl  time.Duration
}

func (h *heartbeats) ok(at time.Time, ttl time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.ttl = at, ttl
}

func (h *heartbeats) get() (last time.Time, ttl time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last, h.ttl
}

// LastHeartbeat is when the servers last answered, and for how long that holds.
func (c *Client) LastHeartbeat() (at time.Time, ttl time.Duration) { return c.beat.get() }

// usage collects node events for the next call.
type usage struct {
	mu     sync.Mutex
	events []*nl.NodeEvent
}

// eventsMax bounds the node events kept while the servers cannot be reached.
const eventsMax = 10

func (u *usage) event(e *nl.NodeEvent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = append(u.events, e)
	if len(u.events) > eventsMax {
		u.events = u.events[1:]
	}
}

func (u *usage) take() []*nl.NodeEvent {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.events
	u.events = nil
	return out
}

// sleep waits; false says that ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// register registers the node, then keeps it alive and known as it changes.
func (c *Client) register(ctx context.Context) error {
	c.awaitDrivers(ctx)
	for !c.registerOnce(ctx) {
		if !sleep(ctx, registerRetry+rand.N(registerRetry)) {
			return ctx.Err()
		}
	}
	close(c.contacted)
	c.log.Info("node registered", "node_id", c.NodeID())
	_, ttl := c.beat.get()
	timer := time.NewTimer(ttl)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.node.dirty:
			if !sleep(ctx, settle) {
				return ctx.Err()
			}
			if c.registerOnce(ctx) {
				_, ttl = c.beat.get()
				timer.Reset(ttl)
			} else {
				timer.Reset(registerRetry)
				c.node.edit(func(*nl.Node) {})
				sleep(ctx, registerRetry)
			}
		case <-timer.C:
			timer.Reset(c.heartbeat(ctx))
		}
	}
}

// awaitDrivers waits until the drivers have told their health, but not long.
func (c *Client) awaitDrivers(ctx context.Context) {
	timer := time.NewTimer(driversWait)
	defer timer.Stop()
	select {
	case <-c.drivers.Ready():
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *Client) registerOnce(ctx context.Context) bool {
	select {
	case <-c.node.dirty:
	default:
	}
	n := *c.node.get()
	n.Status = nl.NodeStatusReady
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var reply query.NodeUpdate
	if err := c.conn.Call(ctx, "Node.Register", &query.NodeRegister{Node: &n}, &reply); err != nil {
		c.log.Warn("node cannot be registered", "error", err)
		return false
	}
	// A cluster that did not know the node may be another one: it begins anew.
	c.mu.Lock()
	c.seen = reply.Index
	c.mu.Unlock()
	c.answered(&reply)
	if events := c.usage.take(); len(events) > 0 {
		req := &query.NodeEvents{NodeID: n.ID, SecretID: n.SecretID, Events: events}
		if err := c.conn.Call(ctx, "Node.AddEvents", req, &query.Written{}); err != nil {
			c.log.Debug("node events are lost", "error", err)
		}
	}
	return true
}

func (c *Client) answered(reply *query.NodeUpdate) {
	ttl := reply.HeartbeatTTL
	if ttl <= 0 {
		ttl = beatRetryMax
	}
	c.mu.Lock()
	c.seen = max(c.seen, reply.Index)
	c.mu.Unlock()
	c.beat.ok(c.cfg.Now(), ttl)
	c.conn.Learn(reply.Servers)
}

// heartbeat tells that the node lives, and returns when to do so again.
func (c *Client) heartbeat(ctx context.Context) time.Duration {
	n := c.node.get()
	_, ttl := c.beat.get()
	call, cancel := context.WithTimeout(ctx, min(max(ttl, beatRetryMin), callTimeout))
	defer cancel()
	var reply query.NodeUpdate
	err := c.conn.Call(call, "Node.Heartbeat", &query.NodeHeartbeat{NodeID: n.ID, SecretID: n.SecretID}, &reply)
	if err == nil {
		c.answered(&reply)
		return max(reply.HeartbeatTTL, time.Millisecond)
	}
	if ctx.Err() != nil {
		return beatRetryMax
	}
	c.log.Warn("heartbeat failed", "error", err)
	if nl.CodeOf(err) == nl.CodeNotFound {
		c.registerOnce(ctx)
		return beatRetryMin
	}
	last, ttl := c.beat.get()
	return retryAfter(c.cfg.Now().Sub(last.Add(ttl)), rand.Float64())
}

// retryAfter is the pause after a heartbeat failed that was due overdue ago;
// random is uniform in [0, 1).
func retryAfter(overdue time.Duration, random float64) time.Duration {
	if overdue < overdueQuick {
		return beatRetryMin + time.Duration(random*float64(beatRetryMin))
	}
	pause := time.Duration(random * float64(overdue))
	return min(max(pause, beatRetryMin), beatRetryMax-time.Duration(random*float64(5*time.Second)))
}

// contactCheck is how often allocations that must not outlive the contact with
// the servers are looked at, while there is no contact.
const contactCheck = time.Second

// watchContact stops allocations whose job says so when the servers have not
// been reached for too long.
func (c *Client) watchContact(ctx context.Context) error {
	started := c.cfg.Now()
	for {
		last, ttl := c.beat.get()
		if last.IsZero() {
			last = started
		}
		now := c.cfg.Now()
		if due := last.Add(ttl); now.Before(due) {
			if !sleep(ctx, due.Sub(now)+contactCheck) {
				return ctx.Err()
			}
			continue
		}
		for _, r := range c.runners() {
			a := r.Alloc()
			g := a.Job.Group(a.TaskGroup)
			if limit := stopAfter(g); limit > 0 && now.Sub(last) > limit {
				c.log.Warn("allocation is stopped: the servers were not reached for too long", "alloc_id", a.ID, "limit", limit)
				r.Stop()
			}
		}
		if !sleep(ctx, contactCheck) {
			return ctx.Err()
		}
	}
}

func stopAfter(g *nl.Group) time.Duration {
	switch {
	case g == nil:
	case g.Disconnect != nil && g.Disconnect.StopOnClientAfter != nil:
		return *g.Disconnect.StopOnClientAfter
	case g.StopAfterClientDisconnect != nil:
		return *g.StopAfterClientDisconnect
	}
	return 0
}
