package quality

import (
	"container/heap"
	"math/rand/v2"
)

// Streams of randomness, so that one use does not shift another.
const (
	streamOrder  = 1
	streamSample = 2
	streamDemand = 3
)

// sequence is what happens at one load: arrivals until the load is reached,
// then departures in the order of their time, and arrivals that make up for
// them.
type sequence struct {
	jobs   []Demand // in the order of arrival
	events []event
	filled int // events until the load was first reached
}

// event is the arrival or the departure of a job.
type event struct {
	job    int
	leaves bool
}

func newSequence(c *Config, load float64) *sequence {
	capacity := Shape{c.Node.CPU * int64(c.Nodes), c.Node.Memory * int64(c.Nodes)}
	s := &sequence{}
	supply := &supply{from: c.Demand, random: rand.New(rand.NewPCG(c.Seed, streamOrder))}
	var held Shape
	var leaving departures
	now := 0.0
	arrive := func() {
		d := supply.next()
		held.CPU += d.CPU * int64(d.Count)
		held.Memory += d.Memory * int64(d.Count)
		heap.Push(&leaving, departure{now + d.Lifetime, len(s.jobs)})
		s.events = append(s.events, event{job: len(s.jobs)})
		s.jobs = append(s.jobs, d)
	}
	reached := func() bool { return held.bound(capacity) >= load }
	for !reached() {
		arrive()
	}
	s.filled = len(s.events)
	total := s.filled + int(c.Churn*float64(s.filled))
	for len(s.jobs) < total {
		gone := heap.Pop(&leaving).(departure)
		now = gone.at
		d := s.jobs[gone.job]
		held.CPU -= d.CPU * int64(d.Count)
		held.Memory -= d.Memory * int64(d.Count)
		s.events = append(s.events, event{job: gone.job, leaves: true})
		for !reached() && len(s.jobs) < total {
			arrive()
		}
	}
	return s
}

// supply gives demands in random order, all of them before any again.
type supply struct {
	from   []Demand
	random *rand.Rand
	order  []int
}

func (s *supply) next() Demand {
	if len(s.order) == 0 {
		s.order = s.random.Perm(len(s.from))
	}
	d := s.from[s.order[0]]
	s.order = s.order[1:]
	return d
}

// run lets one way to choose live through the sequence.
func (s *sequence) run(c cluster) (*PolicyReport, error) {
	r := &PolicyReport{}
	settled := s.filled + (len(s.events)-s.filled)/2
	sum, samples := 0, 0
	for i, e := range s.events {
		if i == s.filled {
			r.Filled = c.inUse()
		}
		if e.leaves {
			if err := c.remove(e.job); err != nil {
				return nil, err
			}
			continue
		}
		failed, err := c.place(e.job, s.jobs[e.job])
		if err != nil {
			return nil, err
		}
		r.Failed += failed
		if i >= settled && len(s.events) > s.filled {
			sum += c.inUse()
			samples++
		}
	}
	if len(s.events) == s.filled {
		r.Filled = c.inUse()
	}
	if samples > 0 {
		r.Churned = float64(sum) / float64(samples)
	}
	return r, nil
}

// bound is the fractional lower bound, taken where run takes its figures.
func (s *sequence) bound(node Shape) Bound {
	var held Shape
	var b Bound
	settled := s.filled + (len(s.events)-s.filled)/2
	samples := 0
	for i, e := range s.events {
		d := s.jobs[e.job]
		sign := int64(d.Count)
		if e.leaves {
			sign = -sign
		}
		held.CPU += sign * d.CPU
		held.Memory += sign * d.Memory
		if i == s.filled-1 {
			b.Filled = held.bound(node)
		}
		if !e.leaves && i >= settled && i >= s.filled {
			b.Churned += held.bound(node)
			samples++
		}
	}
	if samples > 0 {
		b.Churned /= float64(samples)
	}
	return b
}

// departure is when a job leaves, seconds.
type departure struct {
	at  float64
	job int
}

type departures []departure

func (d departures) Len() int { return len(d) }

func (d departures) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].job < d[j].job
}

func (d departures) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

func (d *departures) Push(x any) { *d = append(*d, x.(departure)) }

func (d *departures) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
