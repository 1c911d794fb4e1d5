package cluster

import (
	"time"

	"github.com/nomadlike/nomadlike/command/sim/work"
	"github.com/nomadlike/nomadlike/command/sim/world"
)

// stroke lets one thing go wrong, and come right after a while.
func (c *Cluster) stroke(s *work.Step) {
	after := func(f func()) {
		c.w.After(s.For, func() {
			if !c.settling {
				f()
			}
		})
	}
	switch s.Verb {
	case work.CrashServer:
		c.crash(s.Server, s.For)
	case work.Depose:
		c.log.depose("it was deposed")
	case work.Partition, work.OneWay:
		c.cut(s, place(s.Server), place(s.Other), s.Verb == work.OneWay, after)
	case work.Isolate:
		for other := range c.servers {
			if other != s.Server {
				c.cut(s, place(s.Server), place(other), false, after)
			}
		}
	case work.CutNode, work.CutNodeOne:
		for id := range c.servers {
			c.cut(s, clientPlace(s.Node), place(id), s.Verb == work.CutNodeOne, after)
		}
	case work.KillAgent, work.PowerLoss:
		c.clients[s.Node].kill(s.Verb == work.PowerLoss, s.For)
	case work.LoseNode:
		n := c.clients[s.Node]
		n.kill(true, s.For)
		n.gone = true
	case work.ClockJump:
		c.servers[s.Server].clock.Step(s.For)
	case work.Storm:
		c.storm(after)
	}
}

func (c *Cluster) crash(id int, down time.Duration) {
	s := c.servers[id]
	if s.life == nil {
		return
	}
	s.crash()
	c.w.After(down, func() {
		if s.life == nil {
			s.start()
		}
	})
}

// cut cuts the way between two places, or one direction of it.
func (c *Cluster) cut(_ *work.Step, a, b world.Place, oneWay bool, after func(func())) {
	c.net.Block(a, b)
	if !oneWay {
		c.net.Block(b, a)
	}
	after(func() {
		c.net.Unblock(a, b)
		if !oneWay {
			c.net.Unblock(b, a)
		}
	})
}

// storm makes the network bad for a while.
func (c *Cluster) storm(after func(func())) {
	c.users.storms++
	c.net.Loss, c.net.Repeat, c.net.Slow, c.net.SlowBy = 0.15, 0.1, 0.2, 3*time.Second
	after(func() {
		if c.users.storms--; c.users.storms == 0 {
			c.net.Weather = c.weather()
		}
	})
}
