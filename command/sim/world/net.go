package world

import (
	"math/rand/v2"
	"time"
)

// Place is a machine on the network.
type Place int

// Weather is what the links do to messages. The zero value loses nothing and
// delays by Delay alone.
type Weather struct {
	Delay  time.Duration // usual time of a message
	Jitter time.Duration // added by chance: messages overtake each other
	Slow   float64       // share of messages that take SlowBy longer
	SlowBy time.Duration
	Loss   float64 // share of messages that are lost
	Repeat float64 // share of messages that arrive twice, where that can be
}

// Net connects all places with each other.
type Net struct {
	Weather
	w       *World
	random  *rand.Rand
	blocked map[[2]Place]int // how many partitions cut the way
}

// NewNet is a network that draws from random.
func (w *World) NewNet(random *rand.Rand, weather Weather) *Net {
	return &Net{Weather: weather, w: w, random: random, blocked: map[[2]Place]int{}}
}

// Block cuts the way from one place to another; the way back stays.
func (n *Net) Block(from, to Place) { n.blocked[[2]Place{from, to}]++ }

// Unblock takes one cut back.
func (n *Net) Unblock(from, to Place) {
	key := [2]Place{from, to}
	if n.blocked[key]--; n.blocked[key] <= 0 {
		delete(n.blocked, key)
	}
}

// Heal takes all cuts back.
func (n *Net) Heal() { clear(n.blocked) }

// Open tells whether messages get from one place to another.
func (n *Net) Open(from, to Place) bool { return from == to || n.blocked[[2]Place{from, to}] == 0 }

// Both tells whether messages get there and back.
func (n *Net) Both(a, b Place) bool { return n.Open(a, b) && n.Open(b, a) }

// Latency draws how long a message takes.
func (n *Net) Latency() time.Duration {
	d := n.Delay
	if n.Jitter > 0 {
		d += time.Duration(n.random.Int64N(int64(n.Jitter)))
	}
	if n.Slow > 0 && n.random.Float64() < n.Slow {
		d += time.Duration(n.random.Int64N(int64(n.SlowBy) + 1))
	}
	return d
}

// Send delivers a message unless it is lost, or repeated by chance.
func (n *Net) Send(from, to Place, deliver func()) {
	if from == to {
		n.w.After(0, deliver)
		return
	}
	n.Once(from, to, deliver)
	if n.Repeat > 0 && n.random.Float64() < n.Repeat {
		n.Once(from, to, deliver)
	}
}

// Once delivers a message unless it is lost; it never arrives twice.
func (n *Net) Once(from, to Place, deliver func()) {
	lost := n.Loss > 0 && n.random.Float64() < n.Loss
	if lost || !n.Open(from, to) {
		return
	}
	n.w.After(n.Latency(), func() {
		if n.Open(from, to) {
			deliver()
		}
	})
}

// Line carries messages in order and each once, until one is lost: then it is
// broken, as a connection is.
type Line struct {
	n        *Net
	from, to Place
	last     time.Duration
	broken   bool
	breaks   func()
}

// NewLine connects two places; breaks is called when the line breaks.
func (n *Net) NewLine(from, to Place, breaks func()) *Line {
	return &Line{n: n, from: from, to: to, breaks: breaks}
}

// Send delivers a message behind those before it.
func (l *Line) Send(deliver func()) {
	if l.broken {
		return
	}
	lost := l.n.Loss > 0 && l.n.random.Float64() < l.n.Loss
	if lost || !l.n.Open(l.from, l.to) {
		l.Break()
		return
	}
	l.last = max(l.last, l.n.w.now+l.n.Latency())
	l.n.w.After(l.last-l.n.w.now, func() {
		switch {
		case l.broken:
		case !l.n.Open(l.from, l.to):
			l.Break()
		default:
			deliver()
		}
	})
}

// Break ends the line.
func (l *Line) Break() {
	if !l.broken {
		l.broken = true
		l.breaks()
	}
}
