// Package work makes up what users and bad luck do to a simulated cluster: a
// list of steps with times, drawn from a seed before anything runs, so that a
// list with steps left out is still a list. Package cluster carries them out.
package work

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Verbs of what users do.
const (
	Register    = "register"
	Scale       = "scale"
	Stop        = "stop"
	Purge       = "purge"
	Dispatch    = "dispatch"
	Evaluate    = "evaluate"
	Revert      = "revert"
	Promote     = "promote"
	FailDeploy  = "fail-deployment"
	Pause       = "pause-deployment"
	StopAlloc   = "stop-alloc"
	Drain       = "drain"
	DrainOff    = "drain-off"
	Ineligible  = "ineligible"
	Eligible    = "eligible"
	PurgeNode   = "purge-node"
	Join        = "join"
	Collect     = "collect"
	ReadJob     = "read"
	PeriodicNow = "force-periodic"
	EditQuota   = "quota"
)

// Verbs of bad luck.
const (
	CrashServer  = "crash-server"
	Depose       = "depose"
	Partition    = "partition" // between two servers
	OneWay       = "one-way"   // from one server to another
	Isolate      = "isolate"   // a server from all others
	CutNode      = "cut-node"  // a node from all servers
	CutNodeOne   = "cut-node-one-way"
	KillAgent    = "kill-agent"
	PowerLoss    = "power-loss"
	LoseNode     = "lose-node" // for ever
	ClockJump    = "clock-jump"
	Storm        = "storm" // the network is bad for a while
	secondsOfDay = 24 * 60 * 60
)

// Step is one thing that is done. What of the fields it uses depends on Verb.
type Step struct {
	ID     int // place in the list as it was drawn
	At     time.Duration
	Verb   string
	Job    int
	Node   int
	Server int
	Other  int           // server
	N      int           // count, or which of several
	Seed   uint64        // draws a job's specification
	For    time.Duration // how long it lasts
	Flag   bool
}

// Fault tells whether the step is bad luck.
func (s *Step) Fault() bool {
	switch s.Verb {
	case CrashServer, Depose, Partition, OneWay, Isolate, CutNode, CutNodeOne, KillAgent, PowerLoss, LoseNode, ClockJump, Storm:
		return true
	}
	return false
}

func (s *Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-4d %8.3fs  %-16s", s.ID, s.At.Seconds(), s.Verb)
	switch s.Verb {
	case Register:
		fmt.Fprintf(&b, " %s: %s", JobID(s.Job), Describe(s.Job, s.Seed))
	case Scale:
		fmt.Fprintf(&b, " %s to %d", JobID(s.Job), s.N)
	case Stop, Purge, Evaluate, Revert, Promote, FailDeploy, Pause, ReadJob, Dispatch, PeriodicNow:
		fmt.Fprintf(&b, " %s", JobID(s.Job))
	case EditQuota:
		fmt.Fprintf(&b, " %s", describeQuota(s.N))
	case StopAlloc:
		fmt.Fprintf(&b, " %s number %d", JobID(s.Job), s.N)
	case Drain:
		fmt.Fprintf(&b, " node %d deadline %v ignore system %v", s.Node, s.For, s.Flag)
	case DrainOff, Ineligible, Eligible, PurgeNode, Join, LoseNode:
		fmt.Fprintf(&b, " node %d", s.Node)
	case CutNode, CutNodeOne, KillAgent, PowerLoss:
		fmt.Fprintf(&b, " node %d for %v", s.Node, s.For)
	case CrashServer, Isolate:
		fmt.Fprintf(&b, " server %d for %v", s.Server, s.For)
	case Partition, OneWay:
		fmt.Fprintf(&b, " server %d, server %d for %v", s.Server, s.Other, s.For)
	case ClockJump:
		fmt.Fprintf(&b, " server %d by %v", s.Server, s.For)
	case Storm:
		fmt.Fprintf(&b, " for %v", s.For)
	}
	return strings.TrimRight(b.String(), " ")
}

// Plan is what a run draws its steps from.
type Plan struct {
	Servers, Nodes int
	Steps          int           // of users
	Span           time.Duration // in which everything happens
	Faults         Faults
	// Steady leaves out what makes the outcome depend on who came first, for
	// runs that are compared with each other.
	Steady bool
	// Mass adds steps about jobs of hundreds of allocations. Nothing else that is
	// drawn changes.
	Mass bool
}

const (
	// jobs is how many jobs a work list is about.
	jobs = 10
	// manySteps is from how many steps on most of the jobs are registered in the
	// beginning; shorter lists begin with half of them.
	manySteps = 40
)

// spare nodes may join later.
const spare = 3

// Capacity is how many nodes a plan may ever name.
func (p *Plan) Capacity() int { return p.Nodes + spare }

// Draw makes a list of steps.
func Draw(p Plan, random *rand.Rand) []Step {
	d := drawer{Plan: p, random: random}
	percent := 50
	if p.Steps >= manySteps {
		percent = 75
	}
	for job := range jobs {
		if random.IntN(100) < percent {
			d.out = append(d.out, Step{Verb: Register, At: d.within(0, d.Span/5), Job: job, Seed: random.Uint64()})
		}
	}
	for range p.Steps - len(d.out) {
		d.user()
	}
	if !p.Steady {
		d.reads()
	}
	d.faults()
	if d.Mass {
		d.mass()
	}
	slices.SortStableFunc(d.out, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	for i := range d.out {
		d.out[i].ID = i
	}
	return d.out
}

type drawer struct {
	Plan
	random *rand.Rand
	out    []Step
}

// choice is a verb and how often it is drawn.
type choice struct {
	verb   string
	weight int
}

func (d *drawer) pick(of []choice) string {
	total := 0
	for _, c := range of {
		total += c.weight
	}
	n := d.random.IntN(total)
	for _, c := range of {
		if n -= c.weight; n < 0 {
			return c.verb
		}
	}
	return of[0].verb
}

func (d *drawer) within(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(d.random.Int64N(int64(hi-lo)+1))
}

// user draws a step of a user.
func (d *drawer) user() {
	choices := []choice{
		{Register, 30}, {Scale, 12}, {Stop, 6}, {Purge, 2}, {Dispatch, 5}, {Evaluate, 3}, {Revert, 3}, {Promote, 6},
		{FailDeploy, 1}, {Pause, 1}, {StopAlloc, 5}, {Drain, 6}, {DrainOff, 4}, {Ineligible, 3}, {Eligible, 4},
		{Join, 2}, {PurgeNode, 1}, {Collect, 1}, {PeriodicNow, 1}, {EditQuota, 5},
	}
	if d.Steady {
		choices = []choice{{Register, 12}, {Scale, 5}, {Stop, 2}, {Drain, 2}, {DrainOff, 2}, {StopAlloc, 2}}
	}
	s := Step{
		Verb: d.pick(choices), At: d.within(0, d.Span), Job: d.random.IntN(jobs), Node: d.random.IntN(d.Nodes),
		N: d.random.IntN(quotaSteps), Seed: d.random.Uint64(), Flag: d.random.IntN(2) == 0,
	}
	switch s.Verb {
	case Dispatch:
		s.Job = Parameterized
	case PeriodicNow:
		s.Job = Periodic
	case Drain:
		s.For = d.within(5*time.Second, time.Minute)
	case Join:
		s.Node = d.Nodes + d.random.IntN(spare)
	}
	d.out = append(d.out, s)
}

// reads looks at jobs now and then.
func (d *drawer) reads() {
	for range d.Steps / 2 {
		d.out = append(d.out, Step{Verb: ReadJob, At: d.within(0, d.Span), Job: d.random.IntN(jobs)})
	}
}

// faultEvery is the mean time between strokes of bad luck.
const faultEvery = 15 * time.Second

func (d *drawer) faults() {
	of := d.kinds()
	if len(of) == 0 {
		return
	}
	for range int(d.Span / faultEvery) {
		d.out = append(d.out, d.stroke(of, 0, d.Span))
	}
}

// kinds are the strokes of bad luck that may be, and how often each is drawn.
func (d *drawer) kinds() (of []choice) {
	f := d.Faults
	add := func(on bool, c ...choice) {
		if on {
			of = append(of, c...)
		}
	}
	add(f.Server, choice{CrashServer, 6}, choice{Depose, 4})
	add(f.Partition && d.Servers > 1, choice{Partition, 3}, choice{OneWay, 3}, choice{Isolate, 3})
	add(f.Partition, choice{CutNode, 4}, choice{CutNodeOne, 2})
	add(f.Node, choice{KillAgent, 5}, choice{PowerLoss, 3}, choice{LoseNode, 1})
	add(f.Clock, choice{ClockJump, 1})
	add(f.Network, choice{Storm, 2})
	return of
}

// stroke draws a stroke of bad luck between two times.
func (d *drawer) stroke(of []choice, from, to time.Duration) Step {
	s := Step{
		Verb: d.pick(of), At: d.within(from, to), Server: d.random.IntN(d.Servers), Node: d.random.IntN(d.Nodes),
		For: d.within(100*time.Millisecond, 20*time.Second),
	}
	if d.random.IntN(4) == 0 {
		s.For = d.within(20*time.Second, 90*time.Second)
	}
	s.Other = d.random.IntN(d.Servers)
	if d.Servers > 1 && s.Other == s.Server {
		s.Other = (s.Server + 1) % d.Servers
	}
	if s.Verb == ClockJump {
		s.For = d.within(-3*time.Second, 3*time.Second)
	}
	return s
}
