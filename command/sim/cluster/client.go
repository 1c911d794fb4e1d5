package cluster

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nomadlike/nomadlike/command/sim/check"
	"github.com/nomadlike/nomadlike/command/sim/node"
	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/query"
	"github.com/nomadlike/nomadlike/server/endpoint"
)

const (
	callTimeout = 10 * time.Second
	// noticeMax is how long a node takes at most to notice that its stream
	// broke.
	noticeMax = 3 * time.Second
	// streamRetry is the pause before a stream is opened again.
	streamRetry = 500 * time.Millisecond
	// streamWait is how long a node waits for a stream to begin.
	streamWait = 5 * time.Second
)

// client is one node of the cluster, and its connections.
type client struct {
	c      *Cluster
	id     int
	shape  node.Shape
	nodeID string
	secret string
	clock  *world.Clock
	random *rand.Rand

	node    *node.Node // keeps what is on the node's disk and what runs on it
	up      bool       // the agent runs
	gone    bool       // for ever
	life    int        // counts starts of the agent
	server  int        // that it talks to
	timer   *world.Timer
	opening int // counts attempts to open a stream
	follows bool
	ran     map[string]bool // what ran when checkers were told last
}

func (n *client) place() world.Place { return clientPlace(n.id) }

// join starts the agent for the first time.
func (n *client) join() {
	n.up = true
	n.step(node.Start{})
}

// step feeds an event to the node and sees to what follows.
func (n *client) step(ev node.Event) {
	if !n.up {
		return
	}
	w := n.c.w
	out := n.node.Step(n.clock.Now(), ev)
	n.tell()
	life := n.life
	for _, call := range out.Calls {
		n.call(call)
	}
	switch {
	case out.Follow:
		n.follows = true
		n.open(0)
	case out.Reopen:
		n.open(streamRetry)
	}
	w.Cancel(n.timer)
	n.timer = nil
	if !out.Wake.IsZero() {
		n.timer = w.After(n.clock.Until(out.Wake), func() {
			n.timer = nil
			if n.life == life {
				n.step(node.Tick{})
			}
		})
	}
}

// tell lets checkers know what runs.
func (n *client) tell() {
	runs := n.node.Runs()
	for _, id := range sortedKeys(runs) {
		if !n.ran[id] {
			n.c.observe(check.Ran{At: n.c.w.Now(), Node: n.nodeID, Alloc: id, Running: true})
		}
	}
	for _, id := range sortedKeys(n.ran) {
		if !runs[id] {
			n.c.observe(check.Ran{At: n.c.w.Now(), Node: n.nodeID, Alloc: id})
		}
	}
	n.ran = runs
}

// call makes a call of the node's.
func (n *client) call(k node.Call) {
	life := n.life
	req := call{reply: func() any { return &query.NodeUpdate{} }}
	switch k.Kind {
	case node.CallRegister:
		req.method = "Node.Register"
		req.req = &query.NodeRegister{Node: n.shape.Node(n.id, nl.Time{Time: n.clock.Now()})}
	case node.CallHeartbeat:
		req.method = "Node.Heartbeat"
		req.req = &query.NodeHeartbeat{NodeID: n.nodeID, SecretID: n.secret}
	case node.CallUpdate:
		req.method = updateAllocs
		req.req = &query.NodeAllocUpdates{NodeID: n.nodeID, SecretID: n.secret, Updates: k.Updates}
		req.reply = func() any { return &query.Written{} }
	}
	req.done = func(reply any, err error) {
		if n.life != life {
			return
		}
		ttl, index := time.Duration(0), uint64(0)
		if u, ok := reply.(*query.NodeUpdate); ok {
			ttl, index = u.HeartbeatTTL, u.Index
		}
		if nl.CodeOf(err) == nl.CodeUnavailable {
			n.elsewhere()
		}
		n.step(node.Answered{Call: k, TTL: ttl, Index: index, Err: err})
	}
	n.c.send(n.place(), n.server, callTimeout, req)
}

// elsewhere goes to another server, stream and all.
func (n *client) elsewhere() {
	n.server = n.random.IntN(len(n.c.servers))
	if n.follows {
		n.open(0)
	}
}

// open opens a stream, and another when that breaks.
func (n *client) open(after time.Duration) {
	n.opening++
	attempt, life := n.opening, n.life
	current := func() bool { return n.opening == attempt && n.life == life && n.up }
	again := func() {
		if current() {
			n.server = n.random.IntN(len(n.c.servers))
			n.open(time.Duration(n.random.Int64N(int64(noticeMax))))
		}
	}
	n.c.w.After(after, func() {
		if !current() {
			return
		}
		begun := false
		n.c.w.After(streamWait, func() {
			if !begun {
				again()
			}
		})
		server := n.server
		n.c.net.Once(n.place(), place(server), func() {
			l := n.c.servers[server].life
			if l == nil {
				return
			}
			l.stream(n, current, func(m *query.NodeAllocChanges) {
				if current() {
					begun = true
					n.step(node.Changes{Message: m})
				}
			}, again)
		})
	})
}

// kill ends the agent. With the machine, the tasks end too.
func (n *client) kill(machine bool, down time.Duration) {
	if !n.up {
		return
	}
	n.c.w.Tracef("node %d dies, machine %v", n.id, machine)
	n.up, n.follows = false, false
	n.life++
	n.c.w.Cancel(n.timer)
	if machine {
		n.node.PowerOff()
		n.tell()
	}
	life := n.life
	n.c.w.After(down, func() {
		if n.life == life {
			n.restart()
		}
	})
}

func (n *client) restart() {
	if n.up || n.gone {
		return
	}
	n.c.w.Tracef("node %d comes back", n.id)
	n.up = true
	n.life++
	n.server = n.random.IntN(len(n.c.servers))
	n.step(node.Restarted{})
}

// stream is a node's stream of allocations on a server.
type stream struct {
	feed *endpoint.NodeFeed
	line *world.Line
	// wanted tells whether the node still listens; deliver brings a message.
	wanted  func() bool
	deliver func(*query.NodeAllocChanges)
}

// stream begins a stream; what a real server does with goroutines that wait is
// done here after every entry.
func (l *life) stream(n *client, wanted func() bool, deliver func(*query.NodeAllocChanges), broken func()) {
	feed, err := l.api.OpenFeed(n.nodeID, n.secret)
	if err != nil {
		return // refused; the node asks again
	}
	st := &stream{feed: feed, wanted: wanted, deliver: deliver}
	st.line = l.s.c.net.NewLine(place(l.s.id), n.place(), func() {
		l.drop(st)
		l.s.c.w.After(time.Duration(n.random.Int64N(int64(noticeMax))), broken)
	})
	l.streams = append(l.streams, st)
	l.send(st)
}

func (l *life) drop(st *stream) {
	st.feed.Close()
	l.streams = slices.DeleteFunc(l.streams, func(o *stream) bool { return o == st })
}

// feed sends nodes what changed.
func (l *life) feed() {
	for _, st := range slices.Clone(l.streams) {
		if st.feed.Woken() {
			l.send(st)
		}
	}
}

func (l *life) send(st *stream) {
	if !st.wanted() {
		l.drop(st)
		return
	}
	msg, err := st.feed.Next()
	l.s.c.must(err)
	st.line.Send(func() { st.deliver(msg) })
}
