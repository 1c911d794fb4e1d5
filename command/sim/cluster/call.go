package cluster

import (
	"time"

	"github.com/nomadlike/nomadlike/command/sim/world"
	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/server/consensus"
	"github.com/nomadlike/nomadlike/server/endpoint"
)

const (
	// leaderHold is how long a call waits for a leader, holdPause how long
	// between two looks.
	leaderHold = 5 * time.Second
	holdPause  = 100 * time.Millisecond
)

// errTimeout ends a call whose request or answer was lost.
var errTimeout = nl.Errorf(nl.CodeUnavailable, "no answer in time")

// call is a call of the API on its way.
type call struct {
	method string
	req    any
	reply  func() any // makes an empty reply
	done   func(reply any, err error)
}

// send makes a call from a place to a server; done hears of it exactly once.
func (c *Cluster) send(from world.Place, to int, timeout time.Duration, k call) {
	over := false
	done := func(reply any, err error) {
		if !over {
			over = true
			k.done(reply, err)
		}
	}
	c.w.After(timeout, func() { done(nil, errTimeout) })
	c.net.Send(from, place(to), func() {
		l := c.servers[to].life
		if l == nil {
			return
		}
		l.serve(k, c.w.Now()+leaderHold, func(reply any, err error) {
			c.net.Send(place(to), from, func() { done(reply, err) })
		})
	})
}

// serve brings a call to where it runs, as the router of a real server does.
func (l *life) serve(k call, deadline time.Duration, answer func(any, error)) {
	c := l.s.c
	again := func(err error) {
		if c.w.Now() >= deadline {
			answer(nil, err)
			return
		}
		c.w.After(holdPause, func() {
			if !l.dead() {
				l.serve(k, deadline, answer)
			}
		})
	}
	kind, _ := l.api.Kind(k.method)
	leader := c.log.leader
	switch {
	case kind == endpoint.Local, l.leads():
		l.run(k, func(reply any, err error) {
			if consensus.IsNotLeader(err) {
				again(err)
				return
			}
			answer(reply, err)
		})
	case leader < 0 || leader == l.s.id:
		again(consensus.ErrNotLeader)
	default:
		c.net.Once(place(l.s.id), place(leader), func() {
			to := c.servers[leader].life
			back := func(reply any, err error) {
				c.net.Once(place(leader), place(l.s.id), func() {
					if l.dead() {
						return
					}
					if consensus.IsNotLeader(err) {
						again(err)
						return
					}
					answer(reply, err)
				})
			}
			switch {
			case to == nil:
			case !to.leads():
				back(nil, consensus.ErrNotLeader)
			default:
				to.run(k, back)
			}
		})
	}
}

// run runs a call on this server. Calls that would wait for others to share an
// entry with wait here: a process waits for the log only.
func (l *life) run(k call, answer func(any, error)) {
	if k.method == updateAllocs {
		if l.updates >= endpoint.StatusEntriesMax {
			l.waiting = append(l.waiting, func() { l.run(k, answer) })
			return
		}
		l.updates++
	}
	l.process(func() {
		reply := k.reply()
		err := l.api.Mux().Call(l.ctx, k.method, k.req, reply)
		if !l.dead() {
			answer(reply, err)
		}
		if k.method == updateAllocs {
			l.updates--
			if len(l.waiting) > 0 {
				next := l.waiting[0]
				l.waiting = l.waiting[1:]
				l.s.c.w.After(0, next)
			}
		}
		l.touch()
	})
}

// updateAllocs is the method that nodes tell of their allocations with.
const updateAllocs = "Node.UpdateAllocs"
