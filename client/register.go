package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/nomadlike/session"
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
	mu    sync.Mutex
	last  time.Time // successful one
	ttl   time.Duration
	pause time.Duration // from last to the next
}

// ok takes an answer that came at such a time, after so long.
func (h *heartbeats) ok(at time.Time, took, ttl time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.ttl, h.pause = at, ttl, query.BeatPause(ttl, took)
}

// next is how long after the last the next is due.
func (h *heartbeats) next() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pause
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
	timer := time.NewTimer(c.beat.next())
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
				timer.Reset(c.beat.next())
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
	ctx, cancel := context.WithTimeout(session.WithUrgent(ctx), callTimeout)
	defer cancel()
	var reply query.NodeUpdate
	asked := c.cfg.Now()
	if err := c.conn.Call(ctx, "Node.Register", &query.NodeRegister{Node: &n}, &reply); err != nil {
		c.log.Warn("node cannot be registered", "error", err)
		return false
	}
	// A cluster that did not know the node may be another one: it begins anew.
	c.mu.Lock()
	c.seen = reply.Index
	c.mu.Unlock()
	c.answered(&reply, asked)
	if events := c.usage.take(); len(events) > 0 {
		req := &query.NodeEvents{NodeID: n.ID, SecretID: n.SecretID, Events: events}
		if err := c.conn.Call(ctx, "Node.AddEvents", req, &query.Written{}); err != nil {
			c.log.Debug("node events are lost", "error", err)
		}
	}
	return true
}

// answered takes what the servers said to what they were asked at a time.
func (c *Client) answered(reply *query.NodeUpdate, asked time.Time) {
	ttl := reply.HeartbeatTTL
	if ttl <= 0 {
		ttl = beatRetryMax
	}
	c.mu.Lock()
	c.seen = max(c.seen, reply.Index)
	c.mu.Unlock()
	now := c.cfg.Now()
	c.beat.ok(now, now.Sub(asked), ttl)
	c.conn.Learn(reply.Servers)
}

// refused looks at why the servers took no updates. When they hold the node for
// gone they must hear of it before anything else, and not only when the next
// heartbeat is due, which may be minutes away.
func (c *Client) refused(err error) {
	if nl.CodeOf(err) == nl.CodeConflict {
		c.node.edit(func(*nl.Node) {})
	}
}

// heartbeat tells that the node lives, and returns when to do so again.
func (c *Client) heartbeat(ctx context.Context) time.Duration {
	n := c.node.get()
	_, ttl := c.beat.get()
	call, cancel := context.WithTimeout(session.WithUrgent(ctx), min(max(ttl, beatRetryMin), callTimeout))
	defer cancel()
	var reply query.NodeUpdate
	asked := c.cfg.Now()
	err := c.conn.Call(call, "Node.Heartbeat", &query.NodeHeartbeat{NodeID: n.ID, SecretID: n.SecretID}, &reply)
	if err == nil {
		c.answered(&reply, asked)
		return c.beat.next()
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
	if g == nil || g.Disconnect == nil || g.Disconnect.StopOnClientAfter == nil {
		return 0
	}
	return *g.Disconnect.StopOnClientAfter
}
